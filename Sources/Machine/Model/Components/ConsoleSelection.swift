// Which of a machine's two consoles is shown.
//
// Responsible for: showing both as long as it is not known which of them the guest uses, and then only the one that is
// typed to. A guest may have a login prompt on each, and of two prompts on one terminal only one answers.

import Synchronization

/// What is shown of the output of two consoles.
final class ConsoleSelection: Sendable {
    private let typed: ConsoleKind
    private let isInUse = Atomic(false)
    /// Whether the guest reads its UART.
    private let isUARTRead = Mutex<@Sendable () -> Bool>({ false })

    /// - Parameter typed: the console that is typed to.
    init(typed: ConsoleKind) {
        self.typed = typed
    }

    /// How to know whether the guest reads its UART: anybody may write to that, but who reads it uses it.
    func usesUART(while isRead: @escaping @Sendable () -> Bool) {
        isUARTRead.withLock { $0 = isRead }
    }

    /// The guest uses a console: it has written to one that only a driver can write to.
    func uses(_ console: ConsoleKind) {
        if console == typed { isInUse.store(true, ordering: .releasing) }
    }

    /// Whether what the guest writes to a console is shown.
    func shows(_ console: ConsoleKind) -> Bool {
        if console == typed { return true }
        if typed == .pl011, isUARTRead.withLock(\.self)() { uses(.pl011) }
        return !isInUse.load(ordering: .acquiring)
    }

    /// Nothing is known of the guest that boots next.
    func reset() {
        isInUse.store(false, ordering: .releasing)
    }
}
