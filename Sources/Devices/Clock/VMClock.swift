// vmclock: a page that says what time it was at which value of the guest's counter, and whether the guest may go on
// trusting either.
//
// Responsible for: the page, and telling of changes. Not responsible for: when the counter is disturbed, or the guest
// another generation, which the machine knows.
//
// Follows UAPI.13 (VMClock), and include/uapi/linux/vmclock-abi.h of Linux where that is another thing: it has a flag
// more, so that two others are one bit further up, and the generation's counter is at 0x68.

import Bytes
import Hypervisor
import Synchronization

/// The device. Its page is ROM: guests map it, and read it without leaving the guest.
public final class VMClock: Sendable {
    /// What the guest's counter was at a time of day.
    public struct Reading: Sendable, Hashable {
        public var counter: UInt64
        /// Since 1970-01-01 UTC.
        public var nanoseconds: UInt64

        public init(counter: UInt64, nanoseconds: UInt64) {
            self.counter = counter
            self.nanoseconds = nanoseconds
        }
    }

    /// Offsets of fields of 64 bits, and the first of others that lie together.
    private enum Field {
        static let magic = 0x00
        static let size = 0x04
        static let version = 0x08
        static let counterID = 0x0A
        static let timeType = 0x0B
        static let sequence = 0x0C
        static let disruptionMarker = 0x10
        static let flags = 0x18
        static let clockStatus = 0x22
        static let taiOffset = 0x24
        static let counterPeriodShift = 0x27
        static let counterValue = 0x28
        static let counterPeriod = 0x30
        static let time = 0x48
        static let timeFraction = 0x50
        static let generation = 0x68
        /// What is behind the last of them.
        static let end = 0x70
    }

    /// VMCLOCK_FLAG_*.
    private enum Flag {
        static let taiOffsetValid: UInt64 = 1 << 0
        static let generationPresent: UInt64 = 1 << 8
        static let notificationPresent: UInt64 = 1 << 9
    }

    /// "VCLK".
    private static let magic: UInt32 = 0x4B4C_4356
    private static let version: UInt16 = 1
    /// VMCLOCK_COUNTER_ARM_VCNT.
    private static let virtualCounter: UInt8 = 0
    /// VMCLOCK_TIME_TAI: UTC is not recommended, as it has leap seconds.
    private static let internationalAtomicTime: UInt8 = 1
    /// VMCLOCK_STATUS_FREERUNNING: right at the time of the reading, as far as the host's clock is.
    private static let freeRunning: UInt8 = 3
    /// TAI is ahead of UTC by so many seconds since 2017. No further leap second is announced.
    private static let taiOffset: UInt16 = 37
    private static let nanosecondsPerSecond: UInt64 = 1_000_000_000

    private struct State: Codable {
        /// Odd while the page is being changed.
        var sequence: UInt32 = 0
        var disruptionMarker: UInt64
        /// nil: the machine has no generation id.
        var generation: UInt64?
    }

    private let rom: GuestROM
    private let frequency: UInt64
    private let read: @Sendable () -> Reading
    private let notify: @Sendable () -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - rom: the page, at least 112 bytes.
    ///   - frequency: of the counter, in Hz, from 2 on.
    ///   - disruptionMarker: a number that no other machine begins with.
    ///   - generation: the counter of the guest's generations.
    ///   - read: what the counter is now.
    ///   - notify: tells the guest that the page has changed.
    public init(
        rom: GuestROM, frequency: UInt64, disruptionMarker: UInt64, generation: UInt64?,
        read: @escaping @Sendable () -> Reading, notify: @escaping @Sendable () -> Void
    ) {
        self.rom = rom
        self.frequency = frequency
        self.read = read
        self.notify = notify
        state = Mutex(State(disruptionMarker: disruptionMarker, generation: generation))
    }

    /// The guest is to be booted: the page is made anew, and nobody is told.
    public func reset() {
        update { _ in }
    }

    /// The counter did not go on with the time: what the guest knows of it is worth nothing.
    public func disrupt() {
        update { $0.disruptionMarker &+= 1 }
        notify()
    }

    /// The guest is another generation of its machine.
    public func setGeneration(_ generation: UInt64) {
        update {
            $0.generation = generation
            $0.disruptionMarker &+= 1
        }
        notify()
    }

    private func update(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            publish(&state)
        }
    }

    /// Writes the page. A guest that reads meanwhile finds an odd number, or another one afterwards, and reads again.
    private func publish(_ state: inout State) {
        setSequence(state.sequence | 1)
        let page = contents(state)
        rom.write(page[..<Field.sequence], offset: 0)
        rom.write(page[Field.disruptionMarker...], offset: UInt64(Field.disruptionMarker))
        state.sequence = (state.sequence | 1) &+ 1
        setSequence(state.sequence)
    }

    private func setSequence(_ sequence: UInt32) {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        rom.write(sequence.littleEndianBytes, offset: UInt64(Field.sequence))
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// All but the sequence.
    private func contents(_ state: State) -> [UInt8] {
        let reading = read()
        let (seconds, nanoseconds) = reading.nanoseconds.quotientAndRemainder(dividingBy: Self.nanosecondsPerSecond)
        // The largest shift with which a period has 64 bits: 2^shift is less than the frequency.
        let shift = UInt64.bitWidth - 1 - (frequency - 1).leadingZeroBitCount
        let flags = Flag.taiOffsetValid | Flag.notificationPresent
        var page = [UInt8](repeating: 0, count: Field.end)
        page.replace(at: Field.magic, littleEndian: Self.magic)
        page.replace(at: Field.size, littleEndian: UInt32(rom.range.upperBound - rom.range.lowerBound))
        page.replace(at: Field.version, littleEndian: Self.version)
        page[Field.counterID] = Self.virtualCounter
        page[Field.timeType] = Self.internationalAtomicTime
        page.replace(at: Field.disruptionMarker, littleEndian: state.disruptionMarker)
        page.replace(
            at: Field.flags, littleEndian: flags | (state.generation == nil ? 0 : Flag.generationPresent))
        page[Field.clockStatus] = Self.freeRunning
        page.replace(at: Field.taiOffset, littleEndian: Self.taiOffset)
        page[Field.counterPeriodShift] = UInt8(shift)
        page.replace(at: Field.counterValue, littleEndian: reading.counter)
        page.replace(
            at: Field.counterPeriod, littleEndian: frequency.dividingFullWidth((1 << UInt64(shift), 0)).quotient)
        page.replace(at: Field.time, littleEndian: seconds &+ UInt64(Self.taiOffset))
        page.replace(
            at: Field.timeFraction,
            littleEndian: Self.nanosecondsPerSecond.dividingFullWidth((nanoseconds, 0)).quotient)
        page.replace(at: Field.generation, littleEndian: state.generation ?? 0)
        return page
    }
}

extension VMClock: StatefulDevice {
    private static let kind = DeviceState.Kind("vmclock", version: 1)

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, state.withLock(\.self))
    }

    /// The time is today's; whether the counter was disturbed, or the guest is another one, is for others to say.
    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let new = try saved.fields(State.self, of: Self.kind)
        try DeviceStateError.check(new.sequence.isMultiple(of: 2), "sequence")
        try DeviceStateError.check((new.generation == nil) == state.withLock { $0.generation == nil }, "generation")
        state.withLock { state in
            state = new
            // A guest that was reading the old page finds another sequence.
            publish(&state)
        }
    }
}
