// `dormouse qemu`, and `qemu-system-aarch64` if that is what the command is called by: a machine by QEMU's options.
//
// Responsible for: what comes before and after the run, as those who start QEMU expect it. Not responsible for: the
// options (`QEMUMachine`). docs/qemu.md is for users.

import ArgumentParser
import Glibc
import HostSupport
import KeptVMs
import Machine
import QEMUMonitor

struct QEMU: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qemu", abstract: "Run a guest by the options of qemu-system-aarch64; see docs/qemu.md.")

    @Argument(parsing: .captureForPassthrough, help: "Options as QEMU has them. --explain prints the machine instead.")
    var options: [String] = []

    /// By this name the command is QEMU.
    private static let linkName = "qemu-system-aarch64"
    /// Tools take features from it: the QEMU whose options these are.
    private static let qemuVersion = "9.2.0"

    /// The options of a command line that is QEMU's; nil if it is not.
    static func options(of arguments: [String]) -> [String]? {
        let count = wordCount(of: arguments)
        return count > 0 ? Array(arguments.dropFirst(count)) : nil
    }

    /// How many words of a command line are before QEMU's options; 0 if it has none of them.
    static func wordCount(of arguments: [String]) -> Int {
        guard let called = arguments.first else { return 0 }
        if called.split(separator: "/").last == linkName[...] { return 1 }
        return arguments.dropFirst().first == configuration.commandName ? 2 : 0
    }

    /// Does what `options` say, and ends the process.
    static func run(_ options: [String]) -> Never {
        do {
            let options = try QEMUOption.list(options)
            if let answer = answer(options) {
                Output.print(answer)
                Command.end(Command.Ending(code: .poweredOff))
            }
            try run(QEMUMachine(options))
        } catch let error as QEMUError {
            Command.end(Command.Ending(code: failure(.usage), words: error.description))
        } catch {
            Command.end(Command.Ending(code: failure(ExitCode(of: error)), words: words(error)))
        }
    }

    private static func run(_ qemu: QEMUMachine) throws -> Never {
        if qemu.explains {
            if let path = qemu.machine.uefi?.variables {
                Message.write(
                    "\(path): a VM that is kept has its own variables; `dormouse create --uefi-vars` copies them")
            }
            if qemu.machine.semihosting != nil { Message.write("a VM that is kept has no semihosting") }
            if !qemu.portEnds.isEmpty {
                Message.write("ports (virtconsole, virtserialport) are not in it: a VM that is kept has none")
            }
            if !qemu.machine.guest.strings.isEmpty {
                Message.write("strings of SMBIOS (-smbios type=11) are not in it: a VM that is kept has its own")
            }
            if !qemu.machine.shares.isEmpty {
                Message.write("shares (-virtfs, -fsdev) are not in it: a VM that is kept has none")
            }
            for warning in qemu.warnings + [qemu.machine.cpu?.warning].compactMap(\.self) { Message.write(warning) }
            Output.print(try VMConfiguration(qemu.machine, hibernation: .init()).toml())
            Command.end(Command.Ending(code: .poweredOff))
        }
        if let path = qemu.deviceTreePath {
            try write(qemu.machine.deviceTree(), to: path, "machine")
            Command.end(Command.Ending(code: .poweredOff))
        }
        if qemu.isDaemon, qemu.handover == nil { Command.end(Command.Ending(code: try QEMUDaemon.start())) }
        let daemon = try qemu.handover.map { try QEMUDaemon($0, writesToFile: qemu.writesToFile) }
        if !qemu.machine.shares.isEmpty { DescriptorLimit.raise() }
        let steering = qemu.isSteered ? try QEMUSteering(qemu, identity(qemu)) : nil
        var relay: SerialRelay?
        let end: RunEnd
        let ending: Command.Ending
        do {
            if case .socket(let socket) = qemu.serial {
                relay = try SerialRelay(socket)
                if socket.isServer, socket.waits { Message.write("waiting for a connection on \(socket)") }
            } else if qemu.consolePort == nil {
                try redirect(qemu.serial)
            }
            (end, ending) = try GuestRun(qemu.preparedMachine(), RunOptions.parse(qemu.runArguments)).runToEnd(
                warnings: qemu.warnings, steering: steering,
                ready: {
                    if let path = qemu.pidFile { try PIDFile.write(path) }
                    if case .socket(let socket) = qemu.serial, socket.waits { relay?.waitForClient() }
                    try relay?.start()
                }, loaded: { daemon?.leaveCaller() })
        } catch {
            steering?.abandon()
            relay?.abandon()
            throw error
        }
        relay?.finish()
        if let path = qemu.pidFile { unlink(path) }
        var result = ending
        if !hasOwnExitCodes { result.code = code(end) }
        Command.end(result)
    }

    /// What monitors say of this machine.
    private static func identity(_ qemu: QEMUMachine) -> MonitorIdentity {
        let version = qemuVersion.split(separator: ".").compactMap { Int($0) }
        let monitors = qemu.monitors.map { ($0.label, $0.device) }
        let devices = ["serial0": qemu.serial].merging(monitors) { first, _ in first }
            .merging(qemu.chardevs) { first, _ in first }
        return MonitorIdentity(
            qemuVersion: (version[0], version[1], version[2]), package: "Dormouse \(Dormouse.version)",
            name: qemu.name,
            uuid: SystemUUID.text(
                of: qemu.machine.uuid ?? [UInt8](repeating: 0, count: SystemUUID.byteCount)),
            characterDevices: devices.sorted { $0.key < $1.key }
                .map { MonitorIdentity.CharacterDevice(label: $0.key, filename: $0.value.filename) })
    }

    // MARK: Questions

    /// What is printed instead of running a guest.
    private static func answer(_ options: [QEMUOption]) -> String? {
        for option in options {
            switch (option.name, option.value) {
            case ("version", _): return "QEMU emulator version \(qemuVersion) (Dormouse \(Dormouse.version))"
            case ("h", _), ("help", _): return help
            case ("machine", "help"), ("M", "help"):
                return "Supported machines are:\nvirt                 Dormouse's virtual machine (default)"
            case ("cpu", "help"):
                return "Available CPUs:\n" + QEMUMachine.cpus.map { "  \($0)" }.joined(separator: "\n")
            case ("accel", "help"): return "Accelerators supported in this binary:\ntcg"
            case ("device", "help"):
                let ports = QEMUMachine.ports.map { "name \"\($0)\", bus virtio-serial-bus" }
                return (QEMUMachine.devices.map { "name \"\($0)-device\", bus virtio-bus" } + ports)
                    .joined(separator: "\n")
            default: break
            }
        }
        return nil
    }

    private static var help: String {
        """
        usage: dormouse qemu [options] [disk_image]

        Options of qemu-system-aarch64 that are taken: \
        \(list(QEMUOption.withValue.union(QEMUOption.withoutValue).sorted().map { "-\($0)" })).
        Dormouse's own: \(list(QEMUOption.dormouse.sorted().map { "-\($0)" })); see `dormouse run --help`.
        -explain prints the machine as a vm.toml, for `dormouse create`. docs/qemu.md says what differs.
        """
    }

    // MARK: The end

    /// Whether the exit code is as `dormouse run` has it.
    private static var hasOwnExitCodes: Bool { getenv("DORMOUSE_EXIT_CODES") != nil }

    /// QEMU's exit code: a guest that comes to an end, by whichever way, is none of its failures.
    private static func code(_ end: RunEnd) -> ExitCode {
        switch end {
        case .exited: end.exitCode
        case .poweredOff, .hibernated, .reset, .stopped(.signal), .stopped(.console), .stopped(.monitor),
            .stopped(.reset), .stopped(.watchdog):
            .poweredOff
        case .crashed, .stopped(.powerCut), .stopped(.host): ExitCode(rawValue: 1)
        }
    }

    /// syzkaller takes another port if it finds QEMU's words for one that is taken.
    private static func words(_ error: any Error) -> String {
        guard case MachineError.network(.forward(let forward, _)) = error else { return Command.words(error) }
        return "could not set up host forwarding rule '\(forward)': \(Command.words(error))"
    }

    private static func failure(_ code: ExitCode) -> ExitCode { hasOwnExitCodes ? code : ExitCode(rawValue: 1) }

    // MARK: Files

    private static func write(_ bytes: [UInt8], to path: String, _ option: String) throws(QEMUError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        var code: Int32? = errno
        if descriptor >= 0 {
            code = writeAll(bytes, to: descriptor)
            close(descriptor)
        }
        guard let code else { return }
        throw QEMUError(option, "cannot write \(path): \(String(cString: strerror(code)))")
    }

    /// Makes standard output what the serial port leads to, and takes its input away if that is no terminal.
    private static func redirect(_ serial: QEMUCharacterDevice) throws(QEMUError) {
        let path: String
        let mode: Int32
        switch serial {
        case .standardInputAndOutput, .sharedStandardInputAndOutput: return
        case .null, .socket, .pty: (path, mode) = ("/dev/null", O_WRONLY)
        case .file(let name): (path, mode) = (name, O_WRONLY | O_CREAT | O_TRUNC)
        }
        let output = open(path, mode | O_CLOEXEC, 0o666)
        guard output >= 0 else {
            throw QEMUError("serial", "cannot write to \(path): \(String(cString: strerror(errno)))")
        }
        dup2(output, STDOUT_FILENO)
        close(output)
        let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw QEMUError("serial", "cannot open /dev/null") }
        dup2(input, STDIN_FILENO)
        close(input)
    }

    func run() throws { Self.run(options) }
}

/// How many descriptors this process may have: files that a guest opens in a share are some.
private enum DescriptorLimit {
    static func raise() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(resource, &limit)
    }
}

/// A file with the number of this process.
private enum PIDFile {
    static func write(_ path: String) throws(QEMUError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw QEMUError("pidfile", "cannot write \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        let text = Array("\(getpid())\n".utf8)
        guard Glibc.write(descriptor, text, text.count) == text.count else {
            throw QEMUError("pidfile", "cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }
}
