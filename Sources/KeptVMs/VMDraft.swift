// A VM's directory while it is being made: under another name, so that it appears complete or not at all.
//
// A VM that is removed becomes a draft again first. Who makes one holds a lock on the directory itself; a draft that
// nobody holds was left by a process that was killed, and goes when the next VM is made.

import FoundationEssentials
import Glibc
import HostSupport
import Machine

final class VMDraft {
    /// The VM, at its temporary place.
    let vm: VM
    private let descriptor: Int32

    private static let suffix = ".draft"
    /// Somebody who cleans up may take a draft for left before it is locked.
    private static let attempts = 8

    init(of name: String, in store: String) throws(HostError) {
        var descriptor: Int32 = -1
        var path = ""
        for _ in 0..<Self.attempts {
            path = Self.randomPath(name, in: store)
            try PrivateDirectory.make(path)
            if let locked = Self.lock(path) {
                descriptor = locked
                break
            }
        }
        guard descriptor >= 0 else {
            throw .file(path: path, operation: "lock", reason: "it is taken away again and again")
        }
        self.descriptor = descriptor
        vm = VM(name: name, path: path)
    }

    private static func randomPath(_ name: String, in store: String) -> String {
        var generator = SystemRandomNumberGenerator()
        let number = UInt64.random(in: .min ... .max, using: &generator)
        return "\(store)/.\(name).\(String(number, radix: 16))\(suffix)"
    }

    deinit {
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Gives the draft its name.
    func rename(to final: VM) throws(HostError) {
        // What is there already is no empty directory, and stays.
        guard unsafe Glibc.rename(vm.path, final.path) == 0 else {
            throw .file(path: final.path, operation: "create", reason: String(errno: errno))
        }
        DurableFile.synchronizeDirectory(of: final.path)
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: vm.path)
    }

    /// Makes a VM a draft again, and removes that. If this process is killed meanwhile, it is a draft that was left.
    ///
    /// - Parameters:
    ///   - vm: which the caller has locked.
    ///   - store: the VM's.
    static func remove(_ vm: VM, in store: String) throws(HostError) {
        let path = randomPath(vm.name, in: store)
        guard unsafe Glibc.rename(vm.path, path) == 0 else {
            throw .file(path: vm.path, operation: "remove", reason: String(errno: errno))
        }
        DurableFile.synchronizeDirectory(of: path)
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch { throw .file(path: path, operation: "remove", reason: "\(error)") }
    }

    /// Removes the drafts in `store` that nobody is at.
    static func removeLeft(in store: String) {
        for name in PrivateDirectory.names(in: store) where isDraft(name) {
            let path = "\(store)/\(name)"
            guard let descriptor = lock(path) else { continue }
            try? FileManager.default.removeItem(atPath: path)
            close(descriptor)
        }
    }

    /// `.NAME.NUMBER.draft`; or `.NAME.PROCESS`, as earlier versions made them, without a lock.
    private static func isDraft(_ name: String) -> Bool {
        guard name.hasPrefix(".") else { return false }
        if name.hasSuffix(suffix) { return true }
        let parts = name.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count > 1, let process = parts.last.flatMap({ pid_t($0) }), process > 0 else { return false }
        return kill(process, 0) != 0 && errno == ESRCH
    }

    /// An open file of the directory at `path`, locked, and still there.
    private static func lock(_ path: String) -> Int32? {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        // Safe: `fstat` fills in the structure and does not keep its address.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, unsafe fstat(descriptor, &status) == 0, status.st_nlink > 0
        else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}
