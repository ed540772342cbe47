import Boot
import Foundation
import Hibernation
import Testing

@testable import Machine

@Suite("What a guest's operating system is told")
struct GuestSetupTests {
    private static let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA dora@home"
    private static let files = MeasuredFiles(isFlat: false, kernel: nil, initrd: nil, disks: [])

    /// The lines of tmpfiles.d that a setup comes to, with their contents read.
    private func lines(_ setup: GuestSetup) throws -> [String] {
        let credential = try #require(setup.credentials.first { $0.name == "tmpfiles.extra" })
        return try credential.value.split(separator: "\n").map { line in
            var fields = line.split(separator: " ").map(String.init)
            if fields[0] == "f~" {
                try #require(fields.count == 7)
                fields[6] = String(decoding: try #require(Data(base64Encoded: fields[6])), as: UTF8.self)
            }
            return fields.joined(separator: " ")
        }
    }

    @Test(
        "Without a word, systemd is told that the sleep button hibernates, before logind starts; and by a word nothing is"
    )
    func sleepButton() throws {
        var setup = GuestSetup()
        #expect(setup.credentials.map(\.name) == ["tmpfiles.extra"])
        #expect(
            try lines(setup) == [
                "d /run/systemd/logind.conf.d 0755 root root",
                "f~ /run/systemd/logind.conf.d/50-dormouse.conf 0644 root root - [Login]\nHandleSuspendKey=hibernate\n",
            ])
        setup.sleepButton = .guest
        #expect(setup.credentials.isEmpty)
    }

    @Test("A user gets a home, sudo and the keys; without one root gets the keys")
    func user() throws {
        var setup = GuestSetup()
        setup.sleepButton = .guest
        setup.sshKeys = [Self.key, Self.key]
        #expect(
            try lines(setup) == [
                "d /root/.ssh 0700 root root",
                "f~ /root/.ssh/authorized_keys 0600 root root - \(Self.key)\n\(Self.key)\n",
            ])
        setup.user = "dora"
        setup.hostname = "den"
        #expect(setup.credentials.first == GuestCredential(name: "system.hostname", value: "den"))
        #expect(
            setup.credentials.first { $0.name == "sysusers.extra" }?.value == "u dora 1000 - /home/dora /bin/bash\n")
        #expect(
            try lines(setup) == [
                "d /home/dora 0755 dora dora", "d /etc/sudoers.d 0750 root root",
                "f~ /etc/sudoers.d/90-dormouse 0440 root root - dora ALL=(ALL) NOPASSWD:ALL\n",
                "d /home/dora/.ssh 0700 dora dora",
                "f~ /home/dora/.ssh/authorized_keys 0600 dora dora - \(Self.key)\n\(Self.key)\n",
            ])
    }

    @Test("It comes by SMBIOS with UEFI, else by fw_cfg, is a fact of the record, and virt-1 has nothing of it")
    func ways() throws {
        var machine = MachineConfiguration(kernel: "Image", model: .virt2)
        let facts = machine.environment(Self.files).facts
        #expect(facts["fw-cfg.credentials"] != nil)
        machine.guest.hostname = "den"
        #expect(machine.environment(Self.files).facts["fw-cfg.credentials"] != facts["fw-cfg.credentials"])
        machine.uefi = UEFIConfiguration(code: "/code.fd")
        #expect(machine.environment(Self.files).facts["fw-cfg.credentials"] == nil)
        // systemd.system-credentials(7): the binary form's value is in Base64.
        #expect(machine.smbios.oemStrings.first == "io.systemd.credential.binary:system.hostname=ZGVu")
        #expect(
            GuestCredential(name: "system.hostname", value: "den").fwCfgName
                == "opt/io.systemd.credentials/system.hostname")

        var old = MachineConfiguration(kernel: "Image", model: .virt1)
        let before = old.environment(Self.files)
        old.guest.sleepButton = .guest
        #expect(old.environment(Self.files) == before)
        old.guest.hostname = "den"
        let error = #expect(throws: MachineError.self) { try VirtualMachine.check(old) }
        #expect(error?.description.contains("virt-1 cannot be told") == true)
    }

    @Test("What is no name and no key is refused, since it would become a line of another meaning")
    func refusals() {
        for name in ["den", "a.b-c", "x1"] { #expect(GuestSetup.isHostname(name), "\(name)") }
        for name in ["", "-a", "a-", "a..b", "a b", "ä", "a\n", String(repeating: "a", count: 65)] {
            #expect(!GuestSetup.isHostname(name), "\(name)")
        }
        for name in ["dora", "_x", "a-b_1"] { #expect(GuestSetup.isUser(name), "\(name)") }
        for name in ["", "root", "Dora", "1a", "a b", "a/b", "a:b", "a%h", "a\n", String(repeating: "a", count: 32)] {
            #expect(!GuestSetup.isUser(name), "\(name)")
        }
        #expect(GuestSetup.isKey(Self.key))
        for key in ["", "ssh-ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----", "\(Self.key)\nssh-rsa AAAA", "rsa AAAA"] {
            #expect(!GuestSetup.isKey(key), "\(key)")
        }
        for change in [{ $0.hostname = "a b" }, { $0.user = "a b" }, { $0.sshKeys = ["a b"] }]
            as [(inout GuestSetup) -> Void]
        {
            var machine = MachineConfiguration(kernel: "Image", model: .virt2)
            change(&machine.guest)
            #expect(throws: MachineError.self) { try VirtualMachine.check(machine) }
        }
    }
}
