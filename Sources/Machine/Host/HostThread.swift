// A host thread that runs a closure once.

import Glibc

/// A joinable thread.
///
/// Safe: the closure's box is retained for the thread and released by it.
public final class HostThread: @unchecked Sendable {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private var thread = pthread_t()

    /// Starts `body` on a thread of its own.
    init(_ body: @escaping @Sendable () -> Void) throws(MachineError) {
        let box = Unmanaged.passRetained(Body(body))
        let code = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        guard code == 0 else {
            box.release()
            throw .host("cannot start a thread (\(String(cString: strerror(code)))); close other programs")
        }
    }

    /// Starts `body` on a thread that nobody waits for.
    public static func start(_ body: @escaping @Sendable () -> Void) throws(MachineError) {
        pthread_detach(try HostThread(body).thread)
    }

    /// Waits for its end.
    func join() {
        pthread_join(thread, nil)
    }
}
