// `dormouse ssh` and `dormouse cp`: into a running VM by the port that leads there, with the system's ssh and scp.

import ArgumentParser
import KeptVMs
import Machine

/// What both have.
struct SSHOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The user in the guest. (default: the one that create made, else root)", valueName: "name"))
    var user: String?

    @Option(
        name: [.customShort("i"), .long],
        help: ArgumentHelp("The file of a private key. (default: those that ssh finds)", valueName: "file"))
    var identity: String?

    @Option(help: ArgumentHelp("How long the guest's server has to answer, in seconds.", valueName: "seconds"))
    var timeout = 60

    func validate() throws {
        guard (0...86_400).contains(timeout) else { throw ValidationError("give --timeout 0 to 86400 seconds") }
        guard user.map({ !$0.isEmpty && !$0.hasPrefix("-") && !$0.contains("@") }) ?? true else {
            throw ValidationError("--user is no name of a user")
        }
    }

    /// The way to `vm`, once its server answers.
    func access(to vm: VM) throws -> SSHAccess {
        let access = try SSHAccess(to: vm, user: user)
        try access.wait(seconds: timeout)
        return access
    }

    var identityOptions: [String] { identity.map { ["-i", $0] } ?? [] }
}

struct SSH: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssh",
        abstract: "Log in to a running VM, or run a command in it.",
        discussion: """
            A network of the VM has to forward a port of this host to the guest's port 22: --net user,forward=tcp:2222:22. The \
            system's ssh does the rest, and its exit code is the command's. The guest's host key is kept with the VM.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var sshOptions: SSHOptions

    @Argument(parsing: .captureForPassthrough, help: "A command for the guest's shell. (default: a login)")
    var command: [String] = []

    func run() throws {
        Command.run {
            let access = try sshOptions.access(to: try vmOptions.vm())
            let words = command.first == "--" ? Array(command.dropFirst()) : command
            var arguments = ["ssh"] + access.options(portOption: "-p") + sshOptions.identityOptions
            arguments += ["-l", access.user, access.address]
            if !words.isEmpty { arguments += ["--"] + words }
            throw SSHAccess.become(arguments)
        }
    }
}

struct CopyFiles: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp",
        abstract: "Copy files into a running VM, or out of it.",
        discussion: """
            VM:PATH is a path in the guest, relative to its user's home. The VM has to be reached as by `dormouse ssh`.
            """)

    @OptionGroup var storeOptions: StoreOptions
    @OptionGroup var sshOptions: SSHOptions

    @Flag(name: .shortAndLong, help: "Copy directories with all that is in them.")
    var recursive = false

    @Argument(help: "What is copied, and at last where to.")
    var paths: [String]

    func validate() throws {
        guard paths.count > 1 else { throw ValidationError("name what is copied, and where to") }
    }

    func run() throws {
        Command.run {
            let places = paths.map(Self.place)
            let names = places.compactMap(\.vm)
            guard let name = names.first else { throw SSHError.noPlace }
            if let other = names.first(where: { $0 != name }) { throw SSHError.places(name, other) }
            let access = try sshOptions.access(to: try storeOptions.location.vm(name))
            let words = places.map {
                $0.vm == nil ? Self.local($0.path) : "\(access.user)@\(access.address):\($0.path)"
            }
            var arguments = ["scp"] + access.options(portOption: "-P") + sshOptions.identityOptions
            if recursive { arguments.append("-r") }
            throw SSHAccess.become(arguments + ["--"] + words)
        }
    }

    /// The VM and the path in it; a path with a slash before its first colon is this host's, as scp has it.
    static func place(_ text: String) -> (vm: String?, path: String) {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex, !text[..<colon].contains("/") else {
            return (nil, text)
        }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    /// scp takes a colon in a name for a host's, unless a slash is before it.
    private static func local(_ path: String) -> String {
        path.contains(":") && !path.hasPrefix("/") ? "./\(path)" : path
    }
}
