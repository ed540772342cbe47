// What a guest's operating system is told when it starts, so that its disk need not be changed: a host name, a user, keys
// of ssh, and what its sleep button means.
//
// Responsible for: what a person chooses, and the checks of it. What becomes of it is `GuestSetup+Credentials`.

/// What the operating system of a guest is told.
public struct GuestSetup: Sendable, Hashable {
    /// What the sleep button is to do, which `dormouse hibernate` presses.
    public enum SleepButton: String, Sendable, CaseIterable {
        /// systemd is told to hibernate.
        case hibernate
        /// The guest is told nothing: its own settings are what counts.
        case guest
    }

    /// The name of the machine, if the guest has none of its own.
    public var hostname: String?
    /// A user that the guest makes, who may become root by sudo; nil: nobody but who is there.
    public var user: String?
    /// Public keys of ssh, for that user, or for root if there is none.
    public var sshKeys: [String] = []
    public var sleepButton = SleepButton.hibernate
    /// Strings of SMBIOS, type 11, behind those that the above becomes. A guest of UEFI reads them.
    public var strings: [String] = []

    /// A guest that is told nothing but to hibernate at its sleep button.
    public init() {}

    /// Whether something was asked for that cannot be left out quietly.
    var isAskedFor: Bool { hostname != nil || user != nil || !sshKeys.isEmpty }

    /// Most bytes of a key, and most keys.
    private static let keyLimit = 16 << 10
    private static let keyCountLimit = 64
    private static let hostnameLimit = 64
    private static let userLimit = 31

    /// Whether `text` is a name of a machine: labels of letters, digits and hyphens (RFC 1123 §2.1), as long as Linux
    /// has them.
    ///
    /// - Parameter text: What is to be the name.
    public static func isHostname(_ text: String) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= hostnameLimit
            && labels.allSatisfy { label in
                !label.isEmpty && !label.hasPrefix("-") && !label.hasSuffix("-")
                    && label.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
            }
    }

    /// Whether `text` is a user's name that every distribution takes: small letters, digits, hyphens and underscores, a
    /// letter or an underscore first, and not root.
    ///
    /// - Parameter text: What is to be the name.
    public static func isUser(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= userLimit, text != "root" else { return false }
        let (underscore, hyphen) = (UInt8(ascii: "_"), UInt8(ascii: "-"))
        func isSmall(_ byte: UInt8) -> Bool { isLetter(byte) && byte & 0x20 != 0 }
        return (isSmall(first) || first == underscore)
            && text.utf8.allSatisfy { isSmall($0) || isDigit($0) || $0 == underscore || $0 == hyphen }
    }

    /// Whether `text` looks like a line of authorized_keys (sshd(8)): a key's type, the key, and perhaps a comment.
    ///
    /// - Parameter text: What is to be the key.
    public static func isKey(_ text: String) -> Bool {
        let words = text.split(separator: " ")
        return words.count >= 2 && text.utf8.count <= keyLimit && words[1].hasPrefix("AAAA")
            && ["ssh-", "ecdsa-", "sk-"].contains { words[0].hasPrefix($0) }
            && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte & 0x40 != 0
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// Throws what of this no guest can be told.
    func check(_ model: MachineModel) throws(MachineError) {
        if let hostname, !Self.isHostname(hostname) { throw .guest(.hostname(hostname)) }
        if let user, !Self.isUser(user) { throw .guest(.user(user)) }
        if let key = sshKeys.first(where: { !Self.isKey($0) }) { throw .guest(.key(String(key.prefix(40)))) }
        guard sshKeys.count <= Self.keyCountLimit else {
            throw .guest(.keyCount(sshKeys.count, limit: Self.keyCountLimit))
        }
        guard !isAskedFor || model.tellsGuests else { throw .guest(.model(model.name)) }
    }
}

/// Why a guest cannot be told something. The text is for the user, one line.
public enum GuestSetupError: Error, Hashable, CustomStringConvertible {
    case hostname(String)
    case user(String)
    case key(String)
    case keyCount(Int, limit: Int)
    /// The model has nothing that it could be told by.
    case model(String)

    public var description: String {
        switch self {
        case .hostname(let text):
            "\"\(text)\" is no name of a machine; take up to 64 letters, digits and hyphens"
        case .user(let text):
            "\"\(text)\" is no name for a user of the guest; take up to 31 small letters, digits, '-' and '_', a letter first"
        case .key(let text):
            "\"\(text)\" is no public key of ssh; give a line of a file such as id_ed25519.pub"
        case .keyCount(let count, let limit): "\(count) keys are too many; give up to \(limit)"
        case .model(let name):
            "a guest of the machine model \(name) cannot be told a user, keys or a host name; take a later model"
        }
    }
}
