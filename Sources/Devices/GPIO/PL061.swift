// Arm PrimeCell General Purpose Input/Output (PL061): eight pins, of which some have buttons.
//
// Responsible for: the registers of DDI 0190, and buttons that somebody outside presses. Not responsible for: which
// pin's button means what, which firmware says to the guest.
//
// A button is held until the guest has seen that it is, and let go of then: how long that takes is the guest's matter,
// and a length of time would be too short for one guest and in the way of another.

import Hypervisor
import Synchronization

/// A PL061: 4 KiB of registers, one interrupt, eight pins.
public final class PL061: MMIODevice {
    /// Bytes of the register window.
    public static let windowSize: UInt64 = 0x1000
    public static let pinCount = 8

    private let state = Mutex(PL061State())
    private let interrupt: InterruptOutput

    /// - Parameter interrupt: GPIOINTR, level-sensitive.
    public init(interrupt: InterruptLine) { self.interrupt = InterruptOutput(interrupt) }

    /// Presses the button at a pin, which drives it high. One that is still held is let go of and pressed again.
    /// Callable from any thread.
    ///
    /// - Parameter pin: below `pinCount`.
    public func press(pin: Int) {
        guard (0..<Self.pinCount).contains(pin) else { return }
        withState { $0.press(1 << UInt8(pin)) }
    }

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        guard offset % 4 == 0 else { return 0 }
        return UInt64(withState { $0.read(offset) })
    }

    public func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        guard offset % 4 == 0 else { return }
        // All registers have eight bits.
        withState { $0.write(offset, UInt8(truncatingIfNeeded: value)) }
    }

    /// Power-on state: nobody presses anything.
    public func reset() { withState { $0 = PL061State() } }

    private func withState<Result: Sendable>(_ body: (inout sending PL061State) -> Result) -> Result {
        let (result, isChanged) = state.withLock { state in
            let result = body(&state)
            return (result, interrupt.post(state.isInterruptAsserted))
        }
        if isChanged { interrupt.deliver() }
        return result
    }
}

extension PL061: StatefulDevice {
    private static let kind = DeviceState.Kind("pl061", version: 1)

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, state.withLock(\.self))
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let new = try saved.fields(PL061State.self, of: Self.kind)
        withState { $0 = new }
        interrupt.deliver()
    }
}
