import Foundation
import HostSupport
import Machine
import TestSupport
import Testing

@testable import KeptVMs

@Suite("What cloud-init is told")
struct CloudInitTests {
    private static let maker = ["genisoimage", "mkisofs", "xorrisofs"].contains {
        do { try HostProgram.run([$0, "-version"]) } catch { return false }
        return true
    }
    private static let noMaker: Comment = "there is no genisoimage: run scripts/setup"

    private static func setup(_ change: (inout GuestSetup) -> Void) -> GuestSetup {
        var setup = GuestSetup()
        change(&setup)
        return setup
    }

    /// The cloud config that a seed makes, behind the line that says that it is one.
    private func config(_ seed: CloudInitSeed, _ setup: GuestSetup) throws -> [String: any Sendable] {
        let bytes = try #require(try seed.files(setup, instance: "i")["user-data"])
        let text = String(decoding: bytes, as: UTF8.self)
        try #require(text.hasPrefix("#cloud-config\n"))
        let json = try JSONSerialization.jsonObject(with: Data(text.drop { $0 != "\n" }.utf8))
        return try #require(json as? [String: any Sendable])
    }

    @Test("Packages, commands, a user with keys and a host name are in the cloud config, letter for letter")
    func texts() throws {
        var seed = CloudInitSeed()
        seed.packages = ["tree", "linux-image-arm64=6.12.1-1", "g++"]
        seed.commands = [#"echo "a: b" > '/tmp/ä'"#, "sh -c 'exit 1'"]
        let setup = Self.setup {
            $0.hostname = "den"
            $0.user = "dora"
            $0.sshKeys = ["ssh-ed25519 AAAAC3 dora@home"]
        }
        let config = try config(seed, setup)
        #expect(config["packages"] as? [String] == seed.packages && config["package_update"] as? Bool == true)
        #expect(config["runcmd"] as? [String] == seed.commands)
        #expect(config["hostname"] as? String == "den" && config["preserve_hostname"] == nil)
        let users = try #require(config["users"] as? [[String: any Sendable]])
        #expect(users.count == 1 && users[0]["name"] as? String == "dora" && users[0]["lock_passwd"] as? Bool == true)
        #expect(users[0]["ssh_authorized_keys"] as? [String] == setup.sshKeys)
        let metaData = try #require(try seed.files(setup, instance: "i-7")["meta-data"])
        let meta = try #require(try JSONSerialization.jsonObject(with: Data(metaData)) as? [String: String])
        #expect(meta == ["instance-id": "i-7", "local-hostname": "den"])
    }

    @Test("What was not asked for is left to the image: its host name, its users, its packages")
    func nothing() throws {
        let config = try config(CloudInitSeed(), Self.setup { $0.sleepButton = .guest })
        #expect(Set(config.keys) == ["preserve_hostname"])
    }

    @Test("Keys without a user are root's, who may use them then")
    func root() throws {
        let config = try config(CloudInitSeed(), Self.setup { $0.sshKeys = ["ssh-ed25519 AAAAC3 x"] })
        let users = try #require(config["users"] as? [[String: any Sendable]])
        #expect(users.map { $0["name"] as? String } == ["root"] && config["disable_root"] as? Bool == false)
    }

    @Test("A file of the user's own is passed on as it is")
    func userData() throws {
        var seed = CloudInitSeed()
        let texts = ["#cloud-config\nruncmd: [a]\n", "#!/bin/sh\necho\n", "#include\nhttp://a\n"]
        for bytes in texts.map({ Array($0.utf8) }) + [[0x1F, 0x8B, 8]] {
            seed.userData = bytes
            #expect(throws: Never.self) { try seed.check() }
            #expect(try seed.files(GuestSetup(), instance: "i")["user-data"] == bytes)
        }
        for bytes in ["", "#", "runcmd: [a]", " #!/bin/sh", "\u{1F}"].map({ Array($0.utf8) }) {
            seed.userData = bytes
            #expect(throws: CloudInitError.userData) { try seed.check() }
        }
        seed.userData = [UInt8](repeating: 0x23, count: CloudInitSeed.userDataLimit + 1)
        #expect(throws: CloudInitError.userDataSize(limit: 1 << 20)) { try seed.check() }
    }

    @Test(
        "What is no package's name, and what no shell could be given, is refused",
        arguments: ["", "-x", "a b", "a;b", "a\nb", "ä", String(repeating: "a", count: 257)])
    func names(name: String) {
        var seed = CloudInitSeed()
        seed.packages = ["tree", name]
        #expect(throws: CloudInitError.package(name)) { try seed.check() }
    }

    @Test("A command with a zero in it, an empty one, and too many are refused")
    func commands() {
        var seed = CloudInitSeed()
        for command in ["", "a\0b", String(repeating: "a", count: 16 << 10 + 1)] {
            seed.commands = [command]
            #expect(throws: CloudInitError.self) { try seed.check() }
        }
        // Each is short enough, and all of them are more than a copy could read again.
        seed.commands = [String](repeating: String(repeating: "a", count: 16 << 10), count: 65)
        #expect(throws: CloudInitError.userDataSize(limit: 1 << 20)) { try seed.files(GuestSetup(), instance: "i") }
        seed.commands = [String](repeating: "a", count: 257)
        #expect(throws: CloudInitError.tooMany(limit: 256)) { try seed.check() }
    }

    @Test(
        "A copy has a disk of its own that says the same, and is another instance",
        .needs(Self.maker, Self.noMaker))
    func copy() throws {
        let test = try TestStore()
        var seed = CloudInitSeed()
        seed.commands = ["true"]
        var machine = MachineConfiguration(kernel: "/k", model: .virt2)
        machine.generationID = [UInt8](repeating: 7, count: 16)
        machine.guest.hostname = "den"
        let vm = try test.store.create("vm", VMConfiguration(machine, hibernation: .init()), seed: seed)
        #expect(try vm.configuration().machine().disks.map(\.path) == ["\(vm.path)/cloud-init.iso"])
        let copy = try test.store.copy(vm, to: "copy", disks: .made([])).vm
        #expect(try copy.configuration().machine().disks.map(\.path) == ["\(copy.path)/cloud-init.iso"])
        func file(_ vm: VM, _ name: String) throws -> String {
            String(decoding: try VM.read("\(vm.path)/cloud-init/\(name)", limit: 1 << 20), as: UTF8.self)
        }
        #expect(try file(vm, "user-data") == file(copy, "user-data"))
        let (one, other) = (try file(vm, "meta-data"), try file(copy, "meta-data"))
        #expect(one != other && one.contains("07070707") && other.contains("\"local-hostname\" : \"den\""))
    }

    @Test("A path in vm.toml that does not begin with a slash is one in the VM's directory, whatever that is called")
    func relativePaths() throws {
        let test = try TestStore()
        var machine = MachineConfiguration(kernel: "k")
        machine.initrd = "a/b"
        machine.disks = [DiskConfiguration(path: "d.img"), DiskConfiguration(path: "/d.img")]
        let vm = try test.store.create("vm", VMConfiguration(machine, hibernation: .init()))
        let configuration = try vm.configuration()
        #expect(configuration.kernel == "\(vm.path)/k" && configuration.initrd == "\(vm.path)/a/b")
        #expect(configuration.disks?.map(\.path) == ["\(vm.path)/d.img", "/d.img"])
    }
}
