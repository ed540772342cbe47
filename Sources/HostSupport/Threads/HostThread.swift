// A host thread that runs a closure once, and takes no signals.

import Glibc

/// A joinable thread.
///
/// Safe: the closure's box is retained for the thread and released by it; `thread` is set once, before anybody has the
/// object.
public final class HostThread: @unchecked Sendable {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private var thread = pthread_t()

    /// Starts `body` on a thread of its own.
    public init(_ body: @escaping @Sendable () -> Void) throws(HostResourceError) {
        // Signals are the business of the process's other threads.
        var all = sigset_t()
        var old = sigset_t()
        sigfillset(&all)
        // But for what the thread itself does wrong: blocked, it would end the process before anybody can say a word.
        for fault in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP] { sigdelset(&all, fault) }
        pthread_sigmask(SIG_SETMASK, &all, &old)
        defer { pthread_sigmask(SIG_SETMASK, &old, nil) }

        let box = Unmanaged.passRetained(Body(body))
        let code = pthread_create(
            &thread, nil,
            { argument in
                // Safe: the creator passed this reference, retained for the thread.
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw HostResourceError(resource: .thread, errno: code)
        }
    }

    /// Starts `body` on a thread that nobody waits for.
    public static func start(_ body: @escaping @Sendable () -> Void) throws(HostResourceError) {
        pthread_detach(try HostThread(body).thread)
    }

    /// Tells the calling thread from every other one that there is now. Not 0.
    public static var current: UInt { pthread_self() }

    /// The host's number of the calling thread, by which its scheduler is asked about it; 0 if /proc is not there.
    ///
    /// gettid(2) cannot be called from Swift.
    public static var currentID: Int32 {
        var target = [UInt8](repeating: 0, count: 64)
        let count = readlink("/proc/thread-self", &target, target.count)
        // PID/task/TID
        let number = target.prefix(max(0, count)).split(separator: UInt8(ascii: "/")).last
        return number.flatMap { Int32(String(decoding: $0, as: UTF8.self)) } ?? 0
    }

    /// Waits for its end. To be called once.
    public func join() {
        pthread_join(thread, nil)
    }
}
