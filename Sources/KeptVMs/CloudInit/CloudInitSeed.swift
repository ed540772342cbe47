// What cloud-init is told at the first boot of a guest, beside what systemd is told by credentials: packages to install
// and commands to run, or a file of the user's own.
//
// Responsible for: the texts of cloud-init's data source NoCloud (cloud-init's documentation, "NoCloud" and "Cloud
// config examples"), as a pure function of what was chosen. Its YAML is written as JSON, which is YAML, too. Not
// responsible for: the disk that carries them (`SeedDisk`).

import Bytes
import FoundationEssentials
import Machine

/// What a guest's cloud-init is told.
public struct CloudInitSeed: Sendable, Hashable {
    /// Names for the guest's package manager.
    public var packages: [String] = []
    /// Lines for the guest's shell, run as root when the packages are there.
    public var commands: [String] = []
    /// A file of the user's own in place of what would be made of the rest, as cloud-init takes it.
    public var userData: [UInt8]?

    public init() {}

    private static let countLimit = 256
    private static let packageLimit = 256
    private static let commandLimit = 16 << 10
    /// Bytes of a file of the user's own, which cloud-init reads whole.
    public static let userDataLimit = 1 << 20

    static let userDataName = "user-data"
    static let metaDataName = "meta-data"

    /// Throws what cloud-init could not make sense of.
    public func check() throws(CloudInitError) {
        guard packages.count <= Self.countLimit, commands.count <= Self.countLimit else {
            throw .tooMany(limit: Self.countLimit)
        }
        if let name = packages.first(where: { !Self.isPackage($0) }) { throw .package(name) }
        if let command = commands.first(where: { !Self.isCommand($0) }) { throw .command(String(command.prefix(40))) }
        if let userData {
            guard userData.count <= Self.userDataLimit else { throw .userDataSize(limit: Self.userDataLimit) }
            guard Self.isUserData(userData) else { throw .userData }
        }
    }

    /// A package's name, perhaps with a version or a release behind it, in any package manager's spelling.
    private static func isPackage(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, text.utf8.count <= packageLimit else { return false }
        func isName(_ scalar: Unicode.Scalar) -> Bool {
            scalar.isASCII && scalar.properties.isAlphabetic || isDigit(scalar)
        }
        func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
        return isName(first) && text.unicodeScalars.allSatisfy { isName($0) || "+-._:=~/@".unicodeScalars.contains($0) }
    }

    private static func isCommand(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= commandLimit && !text.utf8.contains(0)
    }

    /// cloud-init tells what it is given by how it begins: a comment that names the kind, a script, a multipart
    /// message, a Jinja template, or any of that compressed by gzip.
    private static func isUserData(_ bytes: [UInt8]) -> Bool {
        if bytes.starts(with: [0x1F, 0x8B]) { return true }
        let text = String(decoding: bytes.prefix(64), as: UTF8.self)
        return ["#cloud-", "#!", "#include", "#part-handler", "## template:", "Content-Type:", "MIME-Version:"]
            .contains { text.hasPrefix($0) }
    }

    /// The files of the data source, by their names.
    ///
    /// - Parameters:
    ///   - setup: what the guest is told anyway.
    ///   - instance: what tells this machine from its copies: cloud-init does once what it is told for each.
    func files(_ setup: GuestSetup, instance: String) throws -> [String: [UInt8]] {
        let metaData = MetaData(instanceID: instance, localHostname: setup.hostname)
        let userData =
            try userData ?? Array("#cloud-config\n\(StableJSON.text(of: config(setup), indented: true))\n".utf8)
        // Many commands may be more than is read again for a copy.
        guard userData.count <= Self.userDataLimit else {
            throw CloudInitError.userDataSize(limit: Self.userDataLimit)
        }
        return [
            Self.metaDataName: try StableJSON.bytes(of: metaData, indented: true) + [UInt8(ascii: "\n")],
            Self.userDataName: userData,
        ]
    }

    private func config(_ setup: GuestSetup) -> CloudConfig {
        var config = CloudConfig()
        if let hostname = setup.hostname { config.hostname = hostname } else { config.preserveHostname = true }
        if let user = setup.user {
            config.users = [CloudConfig.User(name: user, sudo: "ALL=(ALL) NOPASSWD:ALL", keys: setup.sshKeys)]
        } else if !setup.sshKeys.isEmpty {
            config.users = [CloudConfig.User(name: "root", sudo: nil, keys: setup.sshKeys)]
            config.disableRoot = false
        }
        if setup.sleepButton == .hibernate { config.bootCommands = [Self.sleepButton] }
        if !packages.isEmpty {
            config.packageUpdate = true
            config.packages = packages
        }
        if !commands.isEmpty { config.commands = commands }
        return config
    }

    /// What the credential says where systemd is too old to read it. Run at every boot: what is below /run does not
    /// stay.
    private static let sleepButton = """
        f=/run/systemd/logind.conf.d/50-dormouse.conf; [ -e $f ] || [ ! -d /run/systemd/system ] || \
        { mkdir -p ${f%/*} && printf '[Login]\\nHandleSuspendKey=hibernate\\n' >$f && \
        { systemctl kill --signal=HUP systemd-logind || true; }; }
        """
}

/// Keys of NoCloud's meta-data.
private struct MetaData: Encodable {
    var instanceID: String
    var localHostname: String?

    enum CodingKeys: String, CodingKey {
        case instanceID = "instance-id"
        case localHostname = "local-hostname"
    }
}

/// Keys of a cloud config, as far as they are used here.
private struct CloudConfig: Encodable {
    var hostname: String?
    var preserveHostname: Bool?
    var users: [User]?
    var disableRoot: Bool?
    var bootCommands: [String]?
    var packageUpdate: Bool?
    var packages: [String]?
    var commands: [String]?

    enum CodingKeys: String, CodingKey {
        case hostname
        case preserveHostname = "preserve_hostname"
        case users
        case disableRoot = "disable_root"
        case bootCommands = "bootcmd"
        case packageUpdate = "package_update"
        case packages
        case commands = "runcmd"
    }

    struct User: Encodable {
        var name: String
        var shell: String
        var sudo: String?
        var lockPassword: Bool
        var keys: [String]

        init(name: String, sudo: String?, keys: [String]) {
            self.name = name
            shell = "/bin/bash"
            self.sudo = sudo
            lockPassword = true
            self.keys = keys
        }

        enum CodingKeys: String, CodingKey {
            case name, shell, sudo
            case lockPassword = "lock_passwd"
            case keys = "ssh_authorized_keys"
        }
    }
}

/// Why cloud-init cannot be told something. The text is for the user, one line.
public enum CloudInitError: Error, Hashable, CustomStringConvertible {
    case package(String)
    case command(String)
    case tooMany(limit: Int)
    case userData
    case userDataSize(limit: Int)

    public var description: String {
        switch self {
        case .package(let name): "\"\(name)\" is no name of a package"
        case .command(let command): "\"\(command)\" is no command of at most 16 KiB without a zero in it"
        case .tooMany(let limit):
            "that is too much for a first boot; give up to \(limit) packages, and as many commands"
        case .userData:
            "it is nothing that cloud-init knows: it has to begin with #cloud-config, with #! as a script does, or as "
                + "another of its formats"
        case .userDataSize(let limit): "what cloud-init is told is larger than \(limit >> 20) MiB"
        }
    }
}
