// Starting a thread that takes no signals.

import Glibc

/// Why a thread could not be started.
public struct WorkerThreadError: Error, Equatable, CustomStringConvertible {
    let errno: Int32

    public var description: String {
        "cannot start a thread (\(String(cString: strerror(errno)))); raise the limits on processes and open files "
            + "(ulimit -u, ulimit -n)"
    }
}

/// Something that has a thread of its own.
protocol ThreadBody: AnyObject, Sendable {
    func run()
}

/// Calls `run` on a new thread, to be joined.
func startThread(_ body: any ThreadBody) throws(WorkerThreadError) -> pthread_t {
    // Signals are the business of the process's other threads.
    var all = sigset_t()
    var old = sigset_t()
    sigfillset(&all)
    // But for what the thread itself does wrong: blocked, it would end the process before anybody can say a word.
    for fault in [SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP] { sigdelset(&all, fault) }
    pthread_sigmask(SIG_SETMASK, &all, &old)
    defer { pthread_sigmask(SIG_SETMASK, &old, nil) }

    var thread = pthread_t()
    let argument = Unmanaged.passRetained(ThreadBox(body))
    let code = pthread_create(
        &thread, nil,
        { argument in
            // Safe: the creator passed this reference, retained for the thread.
            guard let argument else { return nil }
            Unmanaged<ThreadBox>.fromOpaque(argument).takeRetainedValue().body.run()
            return nil
        }, argument.toOpaque())
    guard code == 0 else {
        argument.release()
        throw WorkerThreadError(errno: code)
    }
    return thread
}

/// What a new thread gets through the C library.
private final class ThreadBox {
    let body: any ThreadBody

    init(_ body: any ThreadBody) { self.body = body }
}
