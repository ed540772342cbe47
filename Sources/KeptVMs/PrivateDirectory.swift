// The rights of a VM's directory, and what killed processes left in it.
//
// A VM's state has pages of its guest's memory map and the names of its disks, and its control socket ends it: all of
// it is its owner's alone, whatever the umask says, also if an earlier version or a copy made it otherwise. Nothing
// here follows a symbolic link that somebody made for a file. Not responsible for: who the owner is.

import FoundationEssentials
import Glibc
import HostSupport
import Machine

enum PrivateDirectory {
    /// Read, write and search for the owner.
    private static let directoryMode: mode_t = 0o700
    private static let fileMode: mode_t = 0o600
    private static let othersRights: mode_t = 0o077

    /// Makes the directory at `path`, which must not be there. Those above it are made where they are missing.
    static func make(_ path: String) throws(HostError) {
        try makeMissing(directory(above: path))
        guard mkdirPrivately(path) else { throw failure(path) }
    }

    /// Makes the directory at `path` and those above it, where they are missing.
    static func makeMissing(_ path: String) throws(HostError) {
        if isDirectory(path) { return }
        let parent = directory(above: path)
        if parent != path { try makeMissing(parent) }
        guard mkdirPrivately(path) || isDirectory(path) else {
            // Something else than a directory is there.
            if errno == EEXIST { errno = ENOTDIR }
            throw failure(path)
        }
    }

    private static func mkdirPrivately(_ path: String) -> Bool {
        guard unsafe mkdir(path, directoryMode) == 0 else { return false }
        // The umask may have taken its owner's rights, too.
        return unsafe chmod(path, directoryMode) == 0
    }

    private static func failure(_ path: String) -> HostError {
        .file(path: path, operation: "create", reason: String(errno: errno))
    }

    private static func directory(above path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        // Safe: `stat` fills in the structure and does not keep its address.
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    // MARK: Under the lock

    /// Takes the rights of others away. What is somebody else's file stays as it is.
    static func tighten(_ vm: VM) {
        tighten(vm.path, directoryMode)
        for name in names(in: vm.path) { tighten("\(vm.path)/\(name)", fileMode) }
        for directory in directories(in: vm) {
            tighten(directory, directoryMode)
            for name in names(in: directory) { tighten("\(directory)/\(name)", fileMode) }
        }
    }

    private static func directories(in vm: VM) -> [String] {
        [KeptFiles(vm).directory, "\(vm.path)/\(SeedDisk.directoryName)"]
    }

    private static func tighten(_ path: String, _ mode: mode_t) {
        let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var status = stat()
        // Safe: as above.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & othersRights != 0 else { return }
        let kind = status.st_mode & S_IFMT
        guard kind == (mode == directoryMode ? S_IFDIR : S_IFREG) else { return }
        fchmod(descriptor, mode)
    }

    /// Removes what a process left that was killed while it wrote a file.
    static func removeLeftovers(_ vm: VM) {
        // `set` writes without the VM's lock. Whoever takes long over that has the leftovers stay until the next time.
        guard let lock = try? DirectoryLock(of: vm, patience: 10) else { return }
        defer { withExtendedLifetime(lock) {} }
        for directory in [vm.path] + directories(in: vm) {
            for name in names(in: directory) where DurableFile.isTemporary(name: name) {
                _ = unsafe unlink("\(directory)/\(name)")
            }
        }
    }

    static func names(in directory: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    }
}
