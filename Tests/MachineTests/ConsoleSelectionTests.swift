import Synchronization
import Testing

@testable import Machine

@Suite("Two consoles, and one to look at")
struct ConsoleSelectionTests {
    @Test("Both are shown until the one that is typed to is used, and then only that", arguments: ConsoleKind.allCases)
    func selection(typed: ConsoleKind) {
        let other: ConsoleKind = typed == .pl011 ? .virtio : .pl011
        let selection = ConsoleSelection(typed: typed)
        selection.uses(other)
        #expect(selection.shows(typed) && selection.shows(other))
        selection.uses(typed)
        #expect(selection.shows(typed) && !selection.shows(other))
        selection.uses(other)
        #expect(selection.shows(typed) && !selection.shows(other))
        selection.reset()
        #expect(selection.shows(typed) && selection.shows(other))
    }

    @Test("A UART is used once it is read, and stays so when it is closed for a while")
    func uart() {
        let isRead = Mutex(false)
        let selection = ConsoleSelection(typed: .pl011)
        selection.usesUART { isRead.withLock { $0 } }
        #expect(selection.shows(.virtio))
        isRead.withLock { $0 = true }
        #expect(!selection.shows(.virtio))
        isRead.withLock { $0 = false }
        #expect(!selection.shows(.virtio) && selection.shows(.pl011))

        let other = ConsoleSelection(typed: .virtio)
        other.usesUART { true }
        #expect(other.shows(.virtio) && other.shows(.pl011))
    }
}
