// One VM: its directory, its files, and the lock that says that somebody is at it.
//
//   vm.toml        what the person chose
//   state.json     what Dormouse remembers
//   variables.fd   what UEFI remembers, if the VM has UEFI
//   cloud-init.iso the disk by which cloud-init is told something, if there is one; cloud-init/ has what is on it
//   kept/          kernel, initrd and UEFI of the last run, by their digests, for a guest that is to find them again
//   lock           held by whoever runs or changes the VM; the number of the process is in it
//   control        the socket of the run that goes on
//   console        the socket by which its console is read and written
//   agent          the socket by which the guest's agent is spoken to, if the VM has one
//   log, log.1 …   what the guest's console and Dormouse said
//   events.jsonl   which states it came into
//   stderr         what the process of a detached run said of a fault of its own
//
// Not responsible for: what a start means (`StartPlan`).

import Bytes
import FoundationEssentials
import Glibc
import Hibernation
import HostSupport
import Machine
import SystemPackage

/// A VM that is kept in a directory.
public struct VM: Sendable {
    public let name: String
    public let path: String

    static let configurationName = "vm.toml"
    static let stateName = "state.json"

    public var configurationPath: String { "\(path)/\(Self.configurationName)" }
    public var statePath: String { "\(path)/\(Self.stateName)" }
    public var controlPath: String { "\(path)/control" }
    public static let agentName = "agent"
    public var agentPath: String { "\(path)/\(Self.agentName)" }
    /// UEFI's variables.
    public var variablesPath: String { "\(path)/variables.fd" }
    var lockPath: String { "\(path)/lock" }

    // MARK: Configuration

    /// What `vm.toml` says. Paths that do not begin with a slash are the directory's.
    public func configuration() throws(HostError) -> VMConfiguration {
        guard Self.isThere(configurationPath) else { throw .noConfiguration(name: name, path: configurationPath) }
        let bytes = try Self.read(configurationPath, limit: 1 << 20)
        do throws(VMConfigurationError) {
            let configuration = try VMConfiguration(toml: String(decoding: bytes, as: UTF8.self)).placed(in: path)
            // What cannot be run is said before anything else is done with it.
            _ = try configuration.machine()
            return configuration
        } catch { throw .configuration(path: configurationPath, reason: error.description) }
    }

    func write(_ configuration: VMConfiguration) throws(HostError) {
        let text: String
        do throws(VMConfigurationError) {
            text = try configuration.toml()
        } catch { throw .configuration(path: configurationPath, reason: error.description) }
        try replaceConfiguration(text)
    }

    /// Writes what `change` makes of the text of `vm.toml`, while nobody else does that.
    ///
    /// - Parameter change: gets the text, and returns another one, which can be used.
    func changeConfiguration(_ change: (String) throws(HostError) -> String) throws(HostError) {
        let lock = try DirectoryLock(of: self)
        defer { withExtendedLifetime(lock) {} }
        let bytes = try Self.read(configurationPath, limit: 1 << 20)
        try replaceConfiguration(try change(String(decoding: bytes, as: UTF8.self)))
    }

    /// Writes another `vm.toml`, which can be used.
    private func replaceConfiguration(_ text: String) throws(HostError) {
        do throws(DurableFileError) {
            try DurableFile.write(Array(text.utf8), to: configurationPath, access: .ownerOnly)
        } catch { throw .file(path: configurationPath, operation: "write", reason: error.reason) }
    }

    // MARK: State

    public func state() throws(HostError) -> VMState {
        var state = try read(VMState.self, schema: \.schema)
        // The directory may have been moved since.
        state.movePaths(to: path)
        return state
    }

    /// A part of the state. That it can be read does not say that all of it can.
    public func stateOutline() throws(HostError) -> VMStateOutline { try read(VMStateOutline.self, schema: \.schema) }

    private func read<Value: Decodable>(
        _ type: Value.Type, schema: KeyPath<Value, Int>
    ) throws(HostError) -> Value {
        guard Self.isThere(statePath) else { throw .state(name: name, path: statePath, reason: "it is not there") }
        let bytes = try Self.read(statePath, limit: 16 << 20)
        let value: Value
        do {
            value = try JSONDecoder().decode(type, from: Data(bytes))
        } catch { throw .state(name: name, path: statePath, reason: "it is not what Dormouse wrote") }
        guard value[keyPath: schema] == VMState.currentSchema else {
            throw .state(
                name: name, path: statePath,
                reason: "schema \(value[keyPath: schema]) is not known to this version of Dormouse")
        }
        return value
    }

    /// Replaces the state. When it returns, the new one is on stable storage.
    func write(
        _ state: VMState, didReach: (DurableFile.Step) -> Void = { _ in }
    ) throws(HostError) {
        let bytes: [UInt8]
        do {
            bytes = try StableJSON.bytes(of: state, indented: true) + [UInt8(ascii: "\n")]
        } catch { throw .state(name: name, path: statePath, reason: "\(error)") }
        do throws(DurableFileError) {
            try DurableFile.write(bytes, to: statePath, access: .ownerOnly, didReach: didReach)
        } catch { throw .file(path: statePath, operation: "write", reason: error.reason) }
    }

    private static func isThere(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 || errno != ENOENT }

    /// The bytes of a regular file.
    ///
    /// - Parameters:
    ///   - path: Which file.
    ///   - limit: Most bytes that it may have.
    package static func read(_ path: String, limit: Int) throws(HostError) -> [UInt8] {
        guard let bytes = try readIfThere(path, limit: limit) else {
            throw .file(path: path, operation: "read", reason: "\(Errno.noSuchFileOrDirectory)")
        }
        return bytes
    }

    /// The same of a file that need not be there; nil if it is not. That is what opening it said: asked in another call,
    /// it may have got another name, or be made anew, in between.
    static func readIfThere(_ path: String, limit: Int) throws(HostError) -> [UInt8]? {
        do {
            // Non-blocking, so that opening a pipe does not wait for its other end; it changes nothing for a file.
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
            return try file.closeAfter {
                var status = stat()
                // Safe: `fstat` fills in the structure and does not keep its address.
                guard unsafe fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
                guard status.st_mode & S_IFMT == S_IFREG else { throw NotRegularFile() }
                var bytes: [UInt8] = []
                while bytes.count <= limit {
                    // Safe: `read` fills at most as many bytes as there are, and says how many it did.
                    var piece = [UInt8](repeating: 0, count: 1 << 16)
                    let count = try unsafe piece.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
                    if count == 0 { return bytes }
                    bytes += piece.prefix(count)
                }
                throw Errno.fileTooLarge
            }
        } catch Errno.noSuchFileOrDirectory {
            return nil
        } catch { throw .file(path: path, operation: "read", reason: "\(error)") }
    }

    // MARK: Lock

    /// Takes the VM for this process, until the lock is let go of. Its directory is its owner's alone from then on.
    public func lock() throws(HostError) -> VMLock {
        let lock = try VMLock(self)
        PrivateDirectory.tighten(self)
        PrivateDirectory.removeLeftovers(self)
        return lock
    }

    /// The process that has the VM, if one has. Takes no lock and writes nothing: whoever looks is in nobody's way.
    public var user: String? {
        let descriptor = unsafe open(lockPath, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return DiskLock.isHeld(descriptor, exclusively: true) ? VMLock.holder(self) : nil
    }
}

/// What is in the place of a file of ours is none.
private struct NotRegularFile: Error, CustomStringConvertible {
    var description: String { "it is no regular file" }
}

/// A VM that is this process's alone.
public final class VMLock: Sendable {
    public let vm: VM
    private let descriptor: Int32

    init(_ vm: VM) throws(HostError) {
        self.vm = vm
        let descriptor = unsafe open(vm.lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .file(path: vm.lockPath, operation: "open", reason: String(errno: errno))
        }
        do throws(DiskLock.Failure) {
            // Both kinds: earlier versions know only the first, and only the second can be looked at without taking it.
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                throw errno == EWOULDBLOCK ? .held : .failed(errno: errno)
            }
            try DiskLock.lock(descriptor, exclusively: true)
        } catch {
            close(descriptor)
            switch error {
            case .held: throw .running(name: vm.name, process: Self.holder(vm))
            case .failed(let code): throw .file(path: vm.lockPath, operation: "lock", reason: String(errno: code))
            }
        }
        self.descriptor = descriptor
        // The number is for people; that it cannot be written is no reason not to run.
        let number = Array("\(getpid())".utf8)
        if ftruncate(descriptor, 0) == 0 {
            _ = unsafe number.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        }
    }

    deinit {
        // A child that is about to become another program has the open file, too.
        DiskLock.unlock(descriptor)
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Who says that it has the lock: the number of a process, which may be about to write it.
    static func holder(_ vm: VM) -> String {
        let text = FileManager.default.contents(atPath: vm.lockPath).map { String(decoding: $0, as: UTF8.self) }
        return text.flatMap { $0.isEmpty ? nil : $0 } ?? "unknown"
    }
}
