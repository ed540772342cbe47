// Where VMs are kept: a directory with one for each.

import Bytes
import FoundationEssentials
import Glibc
import Machine

/// The VMs of one directory.
public struct VMStore: Sendable {
    public let path: String

    public init(path: String) {
        self.path = path
    }

    /// The names of all VMs, sorted.
    public func names() throws(HostError) -> [String] {
        guard let directory = unsafe opendir(path) else {
            if errno == ENOENT { return [] }
            throw .file(path: path, operation: "list", reason: String(errno: errno))
        }
        unsafe closedir(directory)
        return PrivateDirectory.names(in: path)
            .filter { Self.isName($0) && Self.isVM("\(path)/\($0)") }
            .sorted()
    }

    /// The VM of that name.
    public func vm(_ name: String) throws(HostError) -> VM {
        guard Self.isName(name) else { throw .badName(name) }
        let vm = VM(name: name, path: "\(path)/\(name)")
        guard Self.isVM(vm.path) else { throw .notFound(name: name, store: path) }
        return vm
    }

    /// Whether something of a VM is there: what is damaged has to be found, to be repaired.
    private static func isVM(_ path: String) -> Bool {
        [VM.configurationName, VM.stateName].contains { unsafe access("\(path)/\($0)", F_OK) == 0 }
    }

    /// Makes a VM. Its directory appears complete, or not at all.
    ///
    /// - Parameters:
    ///   - name: the VM's.
    ///   - configuration: what is written to its vm.toml.
    ///   - variables: what UEFI's variables begin with, if it has UEFI; nil: what its maker has.
    ///   - seed: what its cloud-init is told by a disk, which comes behind all others; nil: there is none.
    ///   - change: changes the state of a VM that was never started.
    public func create(
        _ name: String, _ configuration: VMConfiguration, variables: String? = nil, seed: CloudInitSeed? = nil,
        change: (inout VMState) -> Void = { _ in }
    ) throws(HostError) -> VM {
        guard Self.isName(name) else { throw .badName(name) }
        let vm = VM(name: name, path: "\(path)/\(name)")
        guard !FileManager.default.fileExists(atPath: vm.path) else { throw .exists(name: name, path: vm.path) }
        VMDraft.removeLeft(in: path)
        let draft = try VMDraft(of: name, in: path)
        do throws(HostError) {
            var configuration = configuration
            if let seed { configuration = try draft.vm.add(seed, to: configuration) }
            try draft.vm.write(configuration)
            try Self.makeVariables(draft.vm, configuration, from: variables)
            var state = VMState(identity: Self.randomIdentity())
            state.home = vm.path
            change(&state)
            try draft.vm.write(state)
            // That nobody can be told is no reason not to have it.
            try? draft.vm.events.append(VMEvent(number: 1, state: .defined, cause: "made"))
            try draft.rename(to: vm)
        } catch {
            draft.remove()
            throw error
        }
        return vm
    }

    private static func makeVariables(
        _ vm: VM, _ configuration: VMConfiguration, from source: String?
    ) throws(HostError) {
        guard let machine = try? configuration.machine(), machine.uefi != nil else { return }
        do throws(MachineError) {
            try machine.makeVariables(at: vm.variablesPath, from: source)
        } catch { throw .file(path: vm.variablesPath, operation: "make", reason: error.description) }
    }

    /// A VM generation id that no other machine has.
    public static func randomGenerationID() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// A system's UUID.
    public static func randomUUID() -> [UInt8] { SystemUUID.random(randomGenerationID()) }

    /// 128 random bits in hexadecimal.
    static func randomIdentity() -> String {
        Hexadecimal.text(of: randomGenerationID())
    }

    /// Whether a VM can have that name: it becomes that of a directory, and of options.
    public static func isName(_ name: String) -> Bool {
        func isAllowed(_ character: Character) -> Bool {
            character.isASCII && (character.isLetter || character.isNumber)
        }
        guard let first = name.first, isAllowed(first), name.count <= 64 else { return false }
        return name.allSatisfy { isAllowed($0) || "-_.".contains($0) }
    }
}

extension String {
    /// What the C library says of an error number.
    init(errno code: Int32) {
        // Safe: `strerror` returns a string that is there until the next call on this thread.
        self = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    }
}
