// `dormouse enable` and `dormouse disable`: whether a VM starts with its host, by systemd.

import ArgumentParser
import Glibc
import HostSupport
import KeptVMs
import Machine

struct ServiceOptions: ParsableArguments {
    @Flag(help: "Of this user's service manager, rather than the host's.")
    var user = false

    @Option(
        help: ArgumentHelp(
            "The directory of another host's files, such as an image that is being made; nobody is told then.",
            valueName: "directory"))
    var root: String?

    func validate() throws {
        guard root != "" else { throw ValidationError("--root has no value: name a directory, or leave it out") }
        guard root == nil || !user else { throw ValidationError("--root is for a host's own files: leave --user out") }
    }

    var scope: UnitScope { user ? .user : .system }

    /// The files, if this user may change them.
    func files() throws -> UnitFiles {
        guard user || root != nil || geteuid() == 0 else { throw ServiceError.needsRoot }
        return try UnitFiles(scope, root: try rootPath)
    }

    /// Without a slash at its end.
    var rootPath: String {
        get throws {
            guard let root else { return "" }
            let path = try AbsolutePath.of(root)
            return String(path.reversed().drop { $0 == "/" }.reversed())
        }
    }

    /// Whether there is a manager that has to be told of changes.
    var isManaged: Bool { root == nil && Systemctl.reaches(scope) }
}

struct Enable: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Have a VM start with its host and hibernate with it, by systemd.",
        discussion: """
            Makes the links of `systemctl enable dormouse@NAME.service`, and a drop-in with what is this VM's own: its store, and \
            [host] of its vm.toml. Do it again when that was changed. docs/host.md has the units.
            """)

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var service: ServiceOptions

    @Flag(help: "Start it now, too.")
    var now = false

    func run() throws {
        Command.run {
            let vm = try vmOptions.absoluteVM()
            let configuration = try vm.configuration()
            let machine = try configuration.machine()
            let files = try service.files()
            var dropIn = UnitDropIn(name: vm.name, store: vm.store)
            dropIn.rules = configuration.host ?? VMConfiguration.Host()
            dropIn.memoryByteCount = machine.memoryByteCount
            dropIn.paths = machine.paths.filter { $0.hasPrefix("/") }
            // Of an image's files it is not known where they will be run from.
            if service.root == nil, let path = Self.executable, path != UnitDropIn.unitExecutable {
                dropIn.executable = path
            }
            for words in try files.enable(vm, dropIn, root: try service.rootPath) { Message.write(words) }
            if service.isManaged {
                try Systemctl.run(service.scope, ["daemon-reload"])
                if now { try Systemctl.run(service.scope, ["start", UnitFiles.instance(vm.name)]) }
            } else if now {
                throw ServiceError.noManager(name: vm.name)
            }
            Message.write("VM \(vm.name) starts with the \(service.scope.words)")
            if service.user, let user = Systemctl.userWithoutLinger {
                Message.write(
                    "that is at the first login; with the host it starts after `loginctl enable-linger \(user)`")
            }
            return .poweredOff
        }
    }

    private static var executable: String? {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &target, target.count)
        return count > 0 ? String(validating: target.prefix(count), as: UTF8.self) : nil
    }
}

struct Disable: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Have a VM not start with its host any more.",
        discussion: "Takes away what `dormouse enable` made. A VM that runs goes on, unless --now is said.")

    @OptionGroup var vmOptions: VMOptions
    @OptionGroup var service: ServiceOptions

    @Flag(help: "Hibernate it now, too, as when the host is shut down.")
    var now = false

    func run() throws {
        Command.run {
            let vm = try vmOptions.absoluteVM()
            let files = try service.files()
            guard files.isEnabled(vm) || files.hasRest(of: vm) else { throw ServiceError.notEnabled(name: vm.name) }
            if now {
                guard service.isManaged else { throw ServiceError.noManager(name: vm.name) }
                try Systemctl.run(service.scope, ["stop", UnitFiles.instance(vm.name)])
            }
            for words in try files.disable(vm) { Message.write(words) }
            if service.isManaged { try Systemctl.run(service.scope, ["daemon-reload"]) }
            Message.write("VM \(vm.name) does not start with the \(service.scope.words)")
            return .poweredOff
        }
    }
}

extension VMOptions {
    /// The VM, with a path that means the same wherever a process is.
    fileprivate func absoluteVM() throws -> VM {
        try VMStore(path: try AbsolutePath.of(try storeOptions.location.path)).vm(name)
    }
}
