// The lock that keeps two machines, or a machine and a tool, from one disk.
//
// Responsible for: taking it. Not responsible for: opening the disk. An open-file-description lock on the whole file
// (Linux's fcntl(2)): it also counts between two users in one process and against QEMU, goes when the descriptor is
// closed, and is advisory.

import Glibc

/// The lock of a disk.
public enum DiskLock {
    /// Why the lock could not be had.
    public enum Failure: Error {
        /// Somebody else has it.
        case held
        case failed(errno: Int32)
    }

    /// F_OFD_SETLK of Linux's fcntl.h, the same on every architecture; Glibc shows it only to GNU programs.
    private static let setOpenFileDescriptionLock: Int32 = 37

    /// Locks the file that `descriptor` is open for: exclusively, for writing it, or with others that read it.
    public static func lock(_ descriptor: Int32, exclusively: Bool) throws(Failure) {
        var lock = Glibc.flock()
        lock.l_type = Int16(exclusively ? F_WRLCK : F_RDLCK)
        lock.l_whence = Int16(SEEK_SET)
        // From 0, for 0 bytes: the whole file, however it grows.
        // Safe: fcntl reads the structure that it is given, and keeps nothing.
        guard unsafe fcntl(descriptor, setOpenFileDescriptionLock, &lock) != 0 else { return }
        switch errno {
        case EAGAIN, EACCES: throw .held
        case let code: throw .failed(errno: code)
        }
    }
}
