// What a user can say to Dormouse itself on a console that belongs to the guest: Ctrl-A, or another such key, and a key.
//
// Responsible for: telling keys for the guest from commands. Not responsible for: carrying them out, or whether the
// input is a terminal at all; anything else has no escapes.

/// A command that the user gives at the console.
enum ConsoleCommand: Sendable, Hashable, CaseIterable {
    case quit
    case wake
    case powerButton
    case sleepButton
    case sendBreak
    case detach
    case help

    /// What can be said at the terminal at which a guest was started.
    static let ofRun = Set(allCases).subtracting([.detach])
    /// What can be said at a console that somebody has connected to.
    static let ofConnection = Set(allCases).subtracting([.quit])

    /// The keys that mean it, after the escape.
    fileprivate var keys: String {
        switch self {
        case .quit: "x"
        case .wake: "w"
        case .powerButton: "p"
        case .sleepButton: "s"
        case .sendBreak: "b"
        case .detach: "d"
        case .help: "h?"
        }
    }

    /// What it does, in words.
    fileprivate var summary: String {
        switch self {
        case .quit: "end Dormouse; the guest is stopped as if its power failed"
        case .wake: "wake a guest that is suspended to RAM"
        case .powerButton: "press the power button (a guest with ACPI powers off)"
        case .sleepButton: "press the sleep button (a guest with ACPI goes to sleep)"
        case .sendBreak: "send a break to the guest's UART (for Linux, the next key is a SysRq command)"
        case .detach: "leave the console; the guest runs on"
        case .help: "this help"
        }
    }

    fileprivate init?(key: UInt8, among commands: Set<ConsoleCommand>) {
        guard let command = Self.allCases.first(where: { $0.keys.utf8.contains(key) }), commands.contains(command)
        else { return nil }
        self = command
    }
}

/// Takes commands out of what is typed.
struct EscapeSequence: Sendable {
    /// Ctrl-A, the escape unless another one is chosen.
    static let escape: UInt8 = 0x01

    /// A piece of the input.
    enum Piece: Sendable, Hashable {
        /// For the guest.
        case input([UInt8])
        case command(ConsoleCommand)
    }

    /// The last byte was the escape, and it is not known yet what it means.
    private var isEscaped = false
    private let commands: Set<ConsoleCommand>
    private let escape: UInt8

    /// - Parameters:
    ///   - commands: those that there are.
    ///   - escape: what commands begin with.
    init(_ commands: Set<ConsoleCommand> = ConsoleCommand.ofRun, escape: UInt8 = Self.escape) {
        self.commands = commands
        self.escape = escape
    }

    /// Sorts `bytes`, which go on where the last ones ended. After the escape, a key that means nothing is dropped, and
    /// the escape with it.
    mutating func process(_ bytes: some Sequence<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        var input: [UInt8] = []
        for byte in bytes {
            if !isEscaped {
                if byte == escape { isEscaped = true } else { input.append(byte) }
                continue
            }
            isEscaped = false
            if byte == escape {
                input.append(byte)
            } else if let command = ConsoleCommand(key: byte, among: commands) {
                if !input.isEmpty { pieces.append(.input(input)) }
                input = []
                pieces.append(.command(command))
            }
        }
        if !input.isEmpty { pieces.append(.input(input)) }
        return pieces
    }

    /// The keys, one a line.
    static func help(
        _ commands: Set<ConsoleCommand> = ConsoleCommand.ofRun, escape: UInt8 = Self.escape
    ) -> String {
        let name = name(ofKey: escape)
        return ConsoleCommand.allCases.filter(commands.contains)
            .map { command in
                "\(name) \(command.keys.map(String.init).joined(separator: " or ")): \(command.summary)\n"
            }
            .joined() + "\(name) \(name): send \(name) to the guest\n"
    }

    /// What a key of ASCII is called: with the control key, it is 64 less.
    private static func name(ofKey key: UInt8) -> String {
        let isControl = key < 0x20
        return (isControl ? "Ctrl-" : "") + String(UnicodeScalar(isControl ? key + 0x40 : key))
    }
}
