// Arm PrimeCell UART (PL011), the machine's serial console.
//
// Responsible for: the registers of DDI 0183 to the guest, bytes and flow control to the host. Not responsible for:
// terminals, nor for keeping what does not fit into the FIFO. There is no DMA and no infrared, a character takes no
// time, and none is ever received with an error but a break, and an overrun in loopback mode.

import Hypervisor
import Synchronization

/// A PL011: 4 KiB of registers, one interrupt.
public final class PL011: MMIODevice {
    /// Bytes of the register window.
    public static let windowSize: UInt64 = 0x1000

    /// PeriphID0 to 3, the first in the lowest byte.
    public static var peripheralID: UInt32 { PL011State.identification.peripheral }
    /// Characters that the receive FIFO holds.
    public static var fifoDepth: Int { PL011State.fifoDepth }

    private let state = Mutex(PL011State())
    private let interrupt: InterruptOutput
    private let output: @Sendable (UInt8) -> Void
    private let inputReady: @Sendable () -> Void

    /// - Parameters:
    ///   - interrupt: UARTINTR, level-sensitive.
    ///   - output: takes a byte from the guest, on the thread of the vCPU that wrote it. When it blocks, that vCPU
    ///     does.
    ///   - inputReady: called once, on a vCPU's thread, after `receive` could not take everything and there is room
    ///     again; `receive` may be called from it.
    public init(
        interrupt: InterruptLine,
        output: @escaping @Sendable (UInt8) -> Void,
        inputReady: @escaping @Sendable () -> Void = {}
    ) {
        self.interrupt = InterruptOutput(interrupt)
        self.output = output
        self.inputReady = inputReady
    }

    /// Sends bytes to the guest, and returns how many were taken, from the first one on.
    ///
    /// None is lost: those that were not taken because the FIFO is full, or because the guest does not read
    /// (`PL011Reader`), stay with the caller until `inputReady` is called.
    public func receive(_ bytes: some Sequence<UInt8>) -> Int {
        // One more than can fit says whether the sender has to wait.
        let candidates = Array(bytes.prefix(PL011State.fifoDepth + 1))
        return withState { $0.receive(candidates) }
    }

    /// Sends a break, and returns whether the guest heard it: its receiver is on and its FIFO not full. Linux takes the
    /// next character for a SysRq command.
    public func receiveBreak() -> Bool {
        withState { $0.receiveBreak() }
    }

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        guard offset % 4 == 0 else { return 0 }
        let value = UInt64(withState { $0.read(offset) })
        return size >= 4 ? value : value & (1 << UInt64(size * 8) - 1)
    }

    public func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        guard offset % 4 == 0 else { return }
        let word = UInt32(truncatingIfNeeded: size >= 4 ? value : value & (1 << UInt64(size * 8) - 1))
        if let character = withState({ $0.write(offset, word) }) {
            output(character)
        }
    }

    /// Whether the guest reads what it is sent, with interrupts or by asking again and again.
    public var isRead: Bool { state.withLock { $0.isRead } }

    /// Power-on state, for a reset of the guest. Characters that the guest has not read are gone.
    public func reset() {
        withState { state in
            let wasWaiting = state.isSenderWaiting
            state = PL011State()
            state.isSenderWaiting = wasWaiting
        }
    }

    /// The state in which firmware leaves a console: on, 8 data bits, with FIFOs. Guests that know only the SBSA's
    /// generic UART, as ACPI's do, count on it.
    public func enable() {
        withState { $0.enable() }
    }

    /// Runs `body` with the state to itself, then tells the interrupt controller and the sender what follows from it.
    private func withState<Result: Sendable>(_ body: (inout PL011State) -> Result) -> Result {
        let (result, isInterruptChanged, isToContinue) = state.withLock { state in
            let result = body(&state)
            return (result, interrupt.post(state.isInterruptAsserted), state.takeSenderIsToContinue())
        }
        if isInterruptChanged { interrupt.deliver() }
        if isToContinue { inputReady() }
        return result
    }
}

extension PL011: StatefulDevice {
    private static let kind = DeviceState.Kind("pl011", version: 1)

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, state.withLock(\.self))
    }

    public func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let new = try saved.fields(PL011State.self, of: Self.kind)
        try new.check()
        withState { state in
            let wasWaiting = state.isSenderWaiting
            state = new
            state.isSenderWaiting = wasWaiting
        }
        // Whatever the far end was told before.
        interrupt.deliver()
    }
}
