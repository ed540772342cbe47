// A lock for as long as one file in a VM's directory is read and written again.
//
// Not the VM's own lock (`VMLock`), which its run holds: `dormouse set` changes what a VM is while its guest runs.

import FoundationEssentials
import Glibc

/// A VM's directory, locked against others that change its `vm.toml`.
struct DirectoryLock: ~Copyable {
    private static let pollMicroseconds: UInt32 = 10_000

    private let descriptor: Int32

    /// Waits until it can be had.
    ///
    /// - Parameter patience: how often to look, ten milliseconds apart. Who has it writes one small file; a process that
    ///   was stopped meanwhile is not waited for without end.
    init(of vm: VM, patience: Int = 500) throws(HostError) {
        let descriptor = unsafe open(vm.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .file(path: vm.path, operation: "open", reason: String(errno: errno))
        }
        // A file system that has no such locks (NFS, for directories) is used without.
        var polls = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK {
            guard polls < patience else {
                close(descriptor)
                throw .isBeingChanged(path: vm.configurationPath)
            }
            polls += 1
            usleep(Self.pollMicroseconds)
        }
        self.descriptor = descriptor
    }

    deinit {
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
