// The lock that keeps two machines, or a machine and a tool, from one disk; and two processes from one VM.
//
// Responsible for: taking it, and seeing whether it is taken. Not responsible for: opening the disk. An
// open-file-description lock on the whole file (Linux's fcntl(2)): it also counts between two users in one process and
// against QEMU, goes when the descriptor is closed, and is advisory.

import Glibc

/// The lock of a disk.
public enum DiskLock {
    /// Why the lock could not be had.
    public enum Failure: Error {
        /// Somebody else has it.
        case held
        case failed(errno: Int32)
    }

    /// F_OFD_GETLK and F_OFD_SETLK of Linux's fcntl.h, the same on every architecture; Glibc shows them only to GNU
    /// programs.
    private static let getOpenFileDescriptionLock: Int32 = 36
    private static let setOpenFileDescriptionLock: Int32 = 37

    /// Locks the file that `descriptor` is open for: exclusively, for writing it, or with others that read it.
    public static func lock(_ descriptor: Int32, exclusively: Bool) throws(Failure) {
        guard set(exclusively ? F_WRLCK : F_RDLCK, descriptor) != 0 else { return }
        switch errno {
        case EAGAIN, EACCES: throw .held
        case let code: throw .failed(errno: code)
        }
    }

    /// Lets go of the lock, before `descriptor` is closed. Closing alone lets go of it only when nobody else has the
    /// open file, and a child that this process is about to start has it until it becomes another program.
    public static func unlock(_ descriptor: Int32) {
        _ = set(F_UNLCK, descriptor)
    }

    /// Whether the lock could not be had, because somebody else has it. Takes nothing, so that nobody is kept away
    /// meanwhile.
    public static func isHeld(_ descriptor: Int32, exclusively: Bool) -> Bool {
        var lock = wholeFile(exclusively ? F_WRLCK : F_RDLCK)
        // Safe: as below, and fcntl writes into the structure who is in the way.
        return unsafe fcntl(descriptor, getOpenFileDescriptionLock, &lock) == 0 && lock.l_type != Int16(F_UNLCK)
    }

    private static func set(_ type: Int32, _ descriptor: Int32) -> Int32 {
        var lock = wholeFile(type)
        // Safe: fcntl reads the structure that it is given, and keeps nothing.
        return unsafe fcntl(descriptor, setOpenFileDescriptionLock, &lock)
    }

    private static func wholeFile(_ type: Int32) -> Glibc.flock {
        var lock = Glibc.flock()
        lock.l_type = Int16(type)
        lock.l_whence = Int16(SEEK_SET)
        // From 0, for 0 bytes: the whole file, however it grows.
        return lock
    }
}
