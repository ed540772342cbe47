// What a guest is told, as credentials of systemd.
//
// Responsible for: names and contents, as a pure function of what was chosen. Not responsible for: how they get there
// (strings of SMBIOS, files of fw_cfg). systemd.system-credentials(7) has the names; tmpfiles.d(5) and sysusers.d(5) the
// lines: both are read before anybody logs in, from systemd 252 on. What other systems than systemd make of it is
// nothing. Another text for the same choice is another machine: it belongs to the released models.

import FoundationEssentials

/// A credential of systemd's: a name, and what it holds.
struct GuestCredential: Sendable, Hashable {
    var name: String
    var value: String

    /// As a string of SMBIOS, type 11. Lines would not come through there.
    var smbiosString: String { "io.systemd.credential.binary:\(name)=\(Self.base64(value))" }
    /// The name of the file of fw_cfg that holds it.
    var fwCfgName: String { "opt/io.systemd.credentials/\(name)" }

    static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
}

extension GuestSetup {
    /// The first of those that people have.
    private static let userID = 1000

    /// All credentials, in an order that depends on nothing else.
    var credentials: [GuestCredential] {
        var credentials: [GuestCredential] = []
        if let hostname { credentials.append(GuestCredential(name: "system.hostname", value: hostname)) }
        if let user {
            credentials.append(
                GuestCredential(name: "sysusers.extra", value: "u \(user) \(Self.userID) - /home/\(user) /bin/bash\n"))
        }
        let lines = sleepLines + userLines + keyLines
        if !lines.isEmpty {
            credentials.append(
                GuestCredential(name: "tmpfiles.extra", value: lines.map { "\($0)\n" }.joined()))
        }
        return credentials
    }

    /// logind.conf(5): it suspends unless it is told otherwise.
    private var sleepLines: [String] {
        guard sleepButton == .hibernate else { return [] }
        return [
            "d /run/systemd/logind.conf.d 0755 root root",
            Self.file(
                "/run/systemd/logind.conf.d/50-dormouse.conf", mode: "0644", owner: "root",
                "[Login]\nHandleSuspendKey=hibernate\n"),
        ]
    }

    /// What is there already stays as it is.
    private var userLines: [String] {
        guard let user else { return [] }
        return [
            "d /home/\(user) 0755 \(user) \(user)",
            "d /etc/sudoers.d 0750 root root",
            Self.file("/etc/sudoers.d/90-dormouse", mode: "0440", owner: "root", "\(user) ALL=(ALL) NOPASSWD:ALL\n"),
        ]
    }

    private var keyLines: [String] {
        guard !sshKeys.isEmpty else { return [] }
        let (owner, home) = user.map { ($0, "/home/\($0)") } ?? ("root", "/root")
        return [
            "d \(home)/.ssh 0700 \(owner) \(owner)",
            Self.file(
                "\(home)/.ssh/authorized_keys", mode: "0600", owner: owner, sshKeys.map { "\($0)\n" }.joined()),
        ]
    }

    private static func file(_ path: String, mode: String, owner: String, _ content: String) -> String {
        "f~ \(path) \(mode) \(owner) \(owner) - \(GuestCredential.base64(content))"
    }
}
