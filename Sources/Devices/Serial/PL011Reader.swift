// Whether a guest reads what its UART receives.
//
// Responsible for: holding input back until somebody reads it. A driver that is about to open the port empties the FIFO
// first and throws away what is in it, as it may have been received by mistake: on a wire nobody sends before somebody
// listens, but who pipes commands into a machine that has yet to boot does.
//
// There are two ways to read. A driver with interrupts unmasks one of the two that say that there are characters. One
// without asks UARTFR again and again, and some firmware looks at UARTCR each time; but so does a console that only
// writes, before each character.
//
// A driver may unmask the interrupts for a moment while it still sets the port up (Linux does, before it has a handler
// for them). What was received meanwhile, and not looked at, is taken back until they are unmasked again.

import Hypervisor

/// What is known of the guest as a reader of its UART.
struct PL011Reader: Sendable, Codable {
    /// What is to become of the receive FIFO.
    enum Consequence {
        case nothing
        /// Its characters are not to be seen for now.
        case takeBack
        /// Those characters are to be seen again.
        case giveBack
    }

    /// So many loads of UARTFR with nothing but loads of UARTCR between them are made by nobody but one who waits for a character.
    private static let pollCount = 16
    /// How often characters are taken back before one was read. More would mean that the guest has its own way to read
    /// them.
    private static let takeBackLimit = 4

    private var receivesByInterrupt = false
    private var polls = 0
    private var isPolling = false
    /// Whether the FIFO was empty when the interrupts were unmasked, and nothing has been asked since that tells of
    /// characters.
    private var isUnseen = false
    private var takeBacks = 0
    /// Taken back, in order.
    var withdrawn: [UInt16] = []

    /// Whether input is to be handed on.
    var isReading: Bool { receivesByInterrupt || isPolling }

    /// The guest loads from a register.
    mutating func isRead(_ offset: UInt64) {
        switch offset {
        case PL011Register.FR:
            polls = min(polls + 1, Self.pollCount)
            if polls == Self.pollCount { isPolling = true }
            return
        case PL011Register.CR: return
        case PL011Register.DR:
            isUnseen = false
            takeBacks = 0
        case PL011Register.RIS, PL011Register.MIS:
            isUnseen = false
        default: break
        }
        polls = 0
    }

    /// The guest stores to a register.
    mutating func isWritten() {
        polls = 0
    }

    /// The guest masks interrupts or unmasks them.
    ///
    /// - Parameter fifo: how many characters wait in the FIFO.
    mutating func interruptMaskWritten(enablesReceive: Bool, fifo: Int) -> Consequence {
        isPolling = false
        defer { receivesByInterrupt = enablesReceive }
        switch (receivesByInterrupt, enablesReceive) {
        case (false, true):
            isUnseen = fifo == 0
            return withdrawn.isEmpty ? .nothing : .giveBack
        case (true, false):
            guard isUnseen, fifo > 0, takeBacks < Self.takeBackLimit else { return .nothing }
            takeBacks += 1
            return .takeBack
        default: return .nothing
        }
    }

    mutating func takeWithdrawn() -> [UInt16] {
        defer { withdrawn = [] }
        return withdrawn
    }

    /// Throws if no guest leads to this.
    func check() throws(DeviceStateError) {
        try DeviceStateError.check((0...Self.pollCount).contains(polls), "reader.polls")
        try DeviceStateError.check((0...Self.takeBackLimit).contains(takeBacks), "reader.takeBacks")
        let isPossible = withdrawn.count <= PL011FIFO.depth && withdrawn.allSatisfy(PL011State.isCharacter)
        try DeviceStateError.check(isPossible, "reader.withdrawn")
    }
}
