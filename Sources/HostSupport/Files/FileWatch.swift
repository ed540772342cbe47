// Waiting until files change, as inotify(7) tells it, rather than looking again and again.
//
// Responsible for: the descriptor and its watches. Whoever waits looks for itself at what there is afterwards: an event
// says that something may have changed, and nothing else. A file system that tells nothing of what others do to it, or
// a user who has no watches left, is no error: whoever waits looks anyhow after a while, which it says. Not responsible
// for: which files matter.

import Glibc

/// Says when files, or the names in directories, may have changed.
public final class FileWatch: Sendable {
    private let descriptor: Int32

    /// Throws if the host gives no watch.
    public init() throws(HostResourceError) {
        descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard descriptor >= 0 else { throw HostResourceError(resource: .watch, errno: errno) }
    }

    deinit { close(descriptor) }

    /// What is told of.
    public enum Subject: Sendable {
        /// What is written to the file at that path, and that somebody who might have written closed it.
        case file(String)
        /// What appears in the directory at that path, and what goes.
        case directory(String)
    }

    /// Has changes of `subject` told from now on. May be called again for the same one.
    ///
    /// - Parameter subject: what is watched, until it is gone.
    /// - Returns: whether it is there, and can be watched.
    @discardableResult
    public func add(_ subject: Subject) -> Bool {
        let (path, mask): (String, Int32) =
            switch subject {
            case .file(let path): (path, IN_MODIFY | IN_CLOSE_WRITE)
            case .directory(let path): (path, IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR)
            }
        return inotify_add_watch(descriptor, path, UInt32(bitPattern: mask)) >= 0
    }

    /// The descriptor once more, for who waits for several things: it can be read when something may have changed, and
    /// what is read is for nobody. It is the caller's to close.
    public func duplicate() throws(HostResourceError) -> Int32 {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw HostResourceError(resource: .watch, errno: errno) }
        return copy
    }

    /// Waits until something may have changed, since the last call or since it was added.
    ///
    /// - Parameter milliseconds: how long at most.
    /// - Returns: whether something was told.
    @discardableResult
    public func wait(milliseconds: Int) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // Safe: one descriptor, which `poll` fills in.
        guard poll(&polled, 1, Int32(clamping: milliseconds)) > 0 else { return false }
        // What happened is found out by looking, so the events are only taken away. The descriptor does not block.
        var events = [UInt8](repeating: 0, count: Self.bufferByteCount)
        while read(descriptor, &events, events.count) > 0 {}
        return true
    }

    /// Many events, of which the longest has 272 bytes.
    private static let bufferByteCount = 1 << 14
}
