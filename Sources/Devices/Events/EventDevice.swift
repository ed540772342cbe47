// What happened to the machine, for the generic event device of ACPI (ACPI0013): a register of events and one
// interrupt.
//
// Responsible for: keeping events until the guest has read them. Not responsible for: what they mean, which the DSDT's
// AML says to the guest.

import Hypervisor
import Synchronization

/// One register of 32 bits at offset 0, a bit for each event. Reading it clears it; the interrupt, level-sensitive, is
/// asserted as long as a bit is set.
public final class EventDevice: MMIODevice {
    /// What may have happened.
    public struct Event: OptionSet, Sendable, Hashable, Codable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let powerButton = Event(rawValue: 1 << 0)
        public static let sleepButton = Event(rawValue: 1 << 1)
        /// The generation id is another one.
        public static let generationID = Event(rawValue: 1 << 2)

        /// What the page of the vmclock says is another thing.
        public static let clockPage = Event(rawValue: 1 << 3)

        fileprivate static let all: Event = [.powerButton, .sleepButton, .generationID, .clockPage]
    }

    /// Bytes of the register window.
    public static let windowSize: UInt64 = 0x1000

    private let pending = Mutex<Event>([])
    private let interrupt: InterruptOutput

    public init(interrupt: InterruptLine) {
        self.interrupt = InterruptOutput(interrupt)
    }

    /// Something happened. What happens again before the guest has read of it, happened once. Callable from any thread.
    public func raise(_ events: Event) {
        update { $0.formUnion(events) }
    }

    /// Forgets what the guest has not read.
    public func reset() {
        update { $0 = [] }
    }

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        guard offset == 0 else { return 0 }
        // A part of the register is read and cleared alone.
        let mask = size >= 4 ? UInt32.max : 1 << UInt32(size * 8) - 1
        return UInt64(
            update { pending in
                let read = pending.intersection(Event(rawValue: mask))
                pending.subtract(read)
                return read.rawValue
            })
    }

    public func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {}

    private func update<Result: Sendable>(_ body: (inout sending Event) -> Result) -> Result {
        let (result, isChanged) = pending.withLock { pending in
            let result = body(&pending)
            return (result, interrupt.post(!pending.isEmpty))
        }
        if isChanged { interrupt.deliver() }
        return result
    }
}

extension EventDevice: StatefulDevice {
    private static let kind = DeviceState.Kind("generic-event-device", version: 1)

    private struct Fields: Codable {
        var pending: Event
    }

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, Fields(pending: pending.withLock(\.self)))
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let new = try saved.fields(Fields.self, of: Self.kind)
        try DeviceStateError.check(new.pending.isSubset(of: .all), "pending")
        update { $0 = new.pending }
        interrupt.deliver()
    }
}
