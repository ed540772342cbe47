// The terminal on standard input: its modes while a guest has it, and as they were before.
//
// Responsible for: raw mode only while the terminal is ours (this process is in its foreground), and the old modes
// again however the process ends, crashes included (`CrashHandler`). Not responsible for: what is typed, or which
// signals end the run.

import Glibc
import Synchronization

/// A terminal whose modes this process changes.
final class Terminal: Sendable {
    private struct State {
        /// The modes that were found; nil while they are not changed.
        var found: termios?
        /// The process is about to end: the modes are not touched again.
        var isReleased = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())

    /// Nil if `descriptor` is no terminal.
    init?(descriptor: Int32) {
        guard isatty(descriptor) == 1 else { return nil }
        self.descriptor = descriptor
    }

    /// Whether the terminal is ours, in which case it is in raw mode now. It is not while the process is in the
    /// background; the modes then belong to whoever is in the foreground.
    func claim() -> Bool {
        state.withLock { state in
            guard isInForeground, !state.isReleased else { return false }
            if state.found == nil { makeRaw(&state) }
            return true
        }
    }

    /// Puts the modes back, for a while: the process is to be stopped.
    func yield() {
        state.withLock { restore(&$0) }
    }

    /// Puts the modes back, for good.
    func release() {
        state.withLock { state in
            restore(&state)
            state.isReleased = true
        }
    }

    /// Without job control on this terminal, nobody else can be in the foreground.
    private var isInForeground: Bool {
        let group = tcgetpgrp(descriptor)
        return group < 0 || group == getpgrp()
    }

    private func makeRaw(_ state: inout State) {
        var modes = termios()
        guard tcgetattr(descriptor, &modes) == 0 else { return }
        EmergencyRestore.arm(descriptor: descriptor, modes: modes)
        var raw = modes
        cfmakeraw(&raw)
        // Output is left as it is: lines of our own go to the same terminal.
        raw.c_oflag = modes.c_oflag
        guard tcsetattr(descriptor, TCSADRAIN, &raw) == 0 else {
            EmergencyRestore.disarm()
            return
        }
        state.found = modes
    }

    private func restore(_ state: inout State) {
        guard var modes = state.found else { return }
        EmergencyRestore.disarm()
        state.found = nil
        // In the background it would be somebody else's terminal, and the kernel would stop us.
        guard isInForeground else { return }
        tcsetattr(descriptor, TCSADRAIN, &modes)
    }
}

/// Puts a terminal's modes back from `exit`, or from a handler of a signal that says that this process is broken.
///
/// Safe: what a signal handler reads is memory that is never freed, and is complete before `descriptor` says so.
/// tcsetattr is async-signal-safe.
enum EmergencyRestore {
    nonisolated(unsafe) private static let modes = UnsafeMutablePointer<termios>.allocate(capacity: 1)
    private static let descriptor = Atomic<Int32>(-1)
    private static let isInstalled = Atomic(false)

    fileprivate static func arm(descriptor: Int32, modes: termios) {
        self.modes.initialize(to: modes)
        self.descriptor.store(descriptor, ordering: .releasing)
        guard !isInstalled.exchange(true, ordering: .relaxed) else { return }
        atexit { EmergencyRestore.restore() }
    }

    fileprivate static func disarm() {
        descriptor.store(-1, ordering: .releasing)
    }

    /// Callable from a signal handler.
    static func restore() {
        let descriptor = descriptor.exchange(-1, ordering: .acquiring)
        if descriptor >= 0 { tcsetattr(descriptor, TCSANOW, modes) }
    }
}
