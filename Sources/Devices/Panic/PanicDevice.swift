// pvpanic: a register into which a guest writes that it has crashed.
//
// Responsible for: the register. Not responsible for: what the machine does about an event.
//
// Follows QEMU's docs/specs/pvpanic.rst and include/uapi/misc/pvpanic.h of Linux, by which a read says what events there
// are and a write says which of them happened.

import Hypervisor

/// One register of 8 bits at offset 0. It keeps nothing, so that it has no state: what was told is told.
public final class PanicDevice: MMIODevice {
    /// What may happen to a guest's kernel.
    public struct Event: OptionSet, Sendable, Hashable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// PVPANIC_PANICKED: it panicked.
        public static let panicked = Event(rawValue: 1 << 0)
        /// PVPANIC_CRASH_LOADED: it panicked, and another kernel goes on in its place to say why.
        public static let crashLoaded = Event(rawValue: 1 << 1)
        /// PVPANIC_SHUTDOWN: it is done, and wants to be powered off.
        public static let shutdown = Event(rawValue: 1 << 2)
    }

    /// What a guest is told that it may say.
    public static let events: Event = [.panicked, .crashLoaded, .shutdown]

    private let tell: @Sendable (Event) -> Void

    /// - Parameter tell: called on the thread of the core that writes, which waits meanwhile.
    public init(tell: @escaping @Sendable (Event) -> Void) {
        self.tell = tell
    }

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        offset == 0 ? UInt64(Self.events.rawValue) : 0
    }

    public func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        guard offset == 0 else { return }
        let events = Event(rawValue: UInt8(truncatingIfNeeded: value)).intersection(Self.events)
        if !events.isEmpty { tell(events) }
    }
}
