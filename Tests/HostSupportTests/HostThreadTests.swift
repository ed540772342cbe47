import Glibc
import HostSupport
import Synchronization
import Testing

@Suite("Threads and what they do to the process")
struct HostThreadTests {
    /// What a thread sees of itself.
    private struct Seen {
        var blocksTermination = false
        var blocksFaults = true
    }

    @Test("A thread takes no signals but those of its own faults, and whoever starts it takes what it took")
    func environment() throws {
        let seen = Mutex(Seen())
        let before = Self.blocked(SIGTERM)
        let thread = try HostThread {
            seen.withLock {
                $0.blocksTermination = Self.blocked(SIGTERM) && Self.blocked(SIGPIPE)
                $0.blocksFaults = [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT].contains(where: Self.blocked)
            }
        }
        thread.join()
        #expect(Self.blocked(SIGTERM) == before)
        seen.withLock {
            #expect($0.blocksTermination && !$0.blocksFaults)
        }
    }

    private static func blocked(_ signal: Int32) -> Bool {
        var mask = sigset_t()
        pthread_sigmask(SIG_SETMASK, nil, &mask)
        return sigismember(&mask, signal) == 1
    }

    @Test("A call to wake a thread in poll(2) is seen until it is cleared, however often it was made")
    func wakeUp() throws {
        let wakeUp = try WakeUp()
        func isReadable() -> Bool {
            var polled = pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&polled, 1, 0) == 1
        }
        #expect(!isReadable())
        for _ in 0..<3 { wakeUp.signal() }
        #expect(isReadable())
        wakeUp.clear()
        #expect(!isReadable())
        wakeUp.signal()
        #expect(isReadable())
    }
}
