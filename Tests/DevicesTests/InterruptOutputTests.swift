// A device's wire that several threads change.

import HostSupport
import Synchronization
import Testing

@testable import Devices

@Suite("A device's wire")
struct InterruptOutputTests {
    /// The far end of a wire.
    private final class FarEnd: Sendable {
        let levels = Mutex<[Bool]>([])
        var level: Bool? { levels.withLock(\.last) }
    }

    @Test("Who lowers a wire that another thread is just raising goes on when it is low")
    func waits() throws {
        let farEnd = FarEnd()
        let isBeingRaised = Atomic(false)
        let place = Parking()
        let levelAfterwards = Mutex<Bool?>(nil)
        let output = InterruptOutput { level in
            if level {
                isBeingRaised.store(true, ordering: .sequentiallyConsistent)
                place.wake()
                // Time for the other thread to get it wrong. It cannot come back while the wire is driven.
                place.wait(until: BootClock.now + 200_000_000) { levelAfterwards.withLock { $0 != nil } }
            }
            farEnd.levels.withLock { $0.append(level) }
        }
        let guest = try HostThread {
            place.wait(until: nil) { isBeingRaised.load(ordering: .sequentiallyConsistent) }
            if output.post(false) { output.deliver() }
            levelAfterwards.withLock { $0 = farEnd.level ?? true }
            place.wake()
        }
        if output.post(true) { output.deliver() }
        guest.join()
        #expect(levelAfterwards.withLock(\.self) == false)
        #expect(farEnd.level == false)
    }

    @Test("A far end that changes the wire while it is told of it is told again afterwards")
    func comesBack() {
        let farEnd = FarEnd()
        let itself = Mutex<InterruptOutput?>(nil)
        let output = InterruptOutput { level in
            farEnd.levels.withLock { $0.append(level) }
            guard level, let output = itself.withLock(\.self) else { return }
            if output.post(false) { output.deliver() }
        }
        itself.withLock { $0 = output }
        if output.post(true) { output.deliver() }
        #expect(farEnd.levels.withLock(\.self) == [true, false])
        itself.withLock { $0 = nil }
    }

    @Test("Whatever threads do, the wire has at last the level posted last, and each finds its own or a later one")
    func races() throws {
        let farEnd = Atomic(false)
        let posted = Mutex(false)
        let output = InterruptOutput { farEnd.store($0, ordering: .sequentiallyConsistent) }
        let wrong = Atomic(0)
        // One of them changes the wire, and nobody else does: it has to find what it posted.
        let changer = try HostThread {
            for turn in 0..<20_000 {
                let level = turn % 2 == 0
                let isChanged = posted.withLock {
                    $0 = level
                    return output.post(level)
                }
                if isChanged { output.deliver() }
                if farEnd.load(ordering: .sequentiallyConsistent) != level {
                    wrong.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
        let others = try (0..<2).map { _ in
            try HostThread {
                for _ in 0..<20_000 {
                    _ = posted.withLock { output.post($0) }
                    output.deliver()
                }
            }
        }
        for thread in others + [changer] { thread.join() }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(farEnd.load(ordering: .sequentiallyConsistent) == posted.withLock(\.self))
    }
}
