// What a PL011 knows, and what its registers do. DDI 0183, "Functional Overview" and "Programmer's Model".
//
// A character takes no time on the wire. So the transmitter is always empty, and a receive timeout (32 bit periods
// without a character, the FIFO not empty) has always passed by the time anybody looks.

import Hypervisor

/// The state of a PL011 after reset.
struct PL011State: Sendable, Codable {
    private typealias Register = PL011Register

    /// What is saved of it. Who waits on the host's side is not the guest's.
    private enum CodingKeys: CodingKey {
        case fifo, overran, receiveStatus, lineControl, control, levelSelect, interruptMask, rawInterrupts
        case integerDivisor, fractionalDivisor, lowPowerDivisor, dmaControl, reader
    }

    /// Characters that the receive FIFO holds.
    static let fifoDepth = PL011FIFO.depth
    static let identification = PrimeCellIdentification(partNumber: 0x011, revision: 1)

    private var fifo = PL011FIFO()
    /// A character came while the FIFO was full, and none since that was kept.
    private var overran = false
    /// UARTRSR.
    private var receiveStatus: UInt32 = 0
    private var lineControl: UInt32 = 0
    private var control = Register.CRField.reset
    private var levelSelect = Register.IFLSField.reset
    private var interruptMask: UInt32 = 0
    private var rawInterrupts: UInt32 = 0
    // Kept for the guest, and without effect: nothing here has a speed, an infrared side or a DMA controller.
    private var integerDivisor: UInt32 = 0
    private var fractionalDivisor: UInt32 = 0
    private var lowPowerDivisor: UInt32 = 0
    private var dmaControl: UInt32 = 0

    /// Whether the guest reads what it is sent.
    private var reader = PL011Reader()

    /// Whoever sends to the guest has more than fitted, and waits to be told.
    var isSenderWaiting = false

    /// UARTINTR, the only interrupt output that is wired: any unmasked interrupt.
    var isInterruptAsserted: Bool { rawInterrupts & interruptMask != 0 }

    /// Turned on as firmware would.
    mutating func enable() {
        lineControl = Register.LCR_HField.eightBits | Register.LCR_HField.enableFIFOs
        setControl(Register.CRField.reset | Register.CRField.uartEnable)
    }

    // MARK: Receiving

    private var count: Int { fifo.count }
    private var areFIFOsEnabled: Bool { lineControl & Register.LCR_HField.enableFIFOs != 0 }
    /// A FIFO that is off is a single holding register.
    private var depth: Int { areFIFOsEnabled ? Self.fifoDepth : 1 }
    private var isLoopback: Bool { control & Register.CRField.loopback != 0 }

    /// Whether the guest reads, so that characters from outside get in. While not, they wait outside.
    var isRead: Bool { isReceiverOn && reader.isReading }

    private var isReceiverOn: Bool {
        let needed = Register.CRField.uartEnable | Register.CRField.receiveEnable
        return control & needed == needed && !isLoopback
    }

    /// The fill level from which on the receive interrupt is asserted.
    private var receiveTrigger: Int {
        guard areFIFOsEnabled else { return 1 }
        return switch levelSelect >> Register.IFLSField.receiveShift & Register.IFLSField.levelMask {
        case 0: Self.fifoDepth / 8
        case 1: Self.fifoDepth / 4
        case 2: Self.fifoDepth / 2
        case 3: Self.fifoDepth * 3 / 4
        // Above 0b100 the selections are reserved.
        default: Self.fifoDepth * 7 / 8
        }
    }

    /// Takes as many characters as fit, in order, and returns how many.
    mutating func receive(_ characters: [UInt8]) -> Int {
        let taken = isRead ? min(characters.count, max(0, depth - count)) : 0
        for character in characters.prefix(taken) { push(UInt16(character)) }
        isSenderWaiting = taken < characters.count
        return taken
    }

    /// Takes a break: the line is held low for longer than a character. It is one character, zero, with an error.
    /// Returns whether there was room for it; a receiver that is off hears nothing.
    mutating func receiveBreak() -> Bool {
        guard isReceiverOn, count < depth else { return false }
        push(UInt16(Register.DRField.breakError))
        rawInterrupts |= Register.Interrupt.breakError
        return true
    }

    /// Whether the waiting sender is to be told now that there is room: once for each time that it had to wait, when
    /// at least half of the FIFO is free, so that it need not come for every character.
    mutating func takeSenderIsToContinue() -> Bool {
        guard isSenderWaiting, isRead, count <= depth / 2 else { return false }
        isSenderWaiting = false
        return true
    }

    /// Looks whether the guest began or ceased to read.
    private mutating func setInterruptMask(_ value: UInt32) {
        interruptMask = value & Register.Interrupt.all
        switch reader.interruptMaskWritten(
            enablesReceive: interruptMask & Register.Interrupt.received != 0, fifo: count)
        {
        case .nothing: break
        case .takeBack:
            reader.withdrawn += fifo.characters
            fifo = PL011FIFO()
            rawInterrupts &= ~Register.Interrupt.received
        case .giveBack:
            for character in reader.takeWithdrawn() { push(character) }
        }
    }

    private mutating func push(_ character: UInt16) {
        guard count < depth else {
            overran = true
            receiveStatus |= Register.RSRField.overrun
            rawInterrupts |= Register.Interrupt.overrun
            return
        }
        fifo.append(character)
        overran = false
        // Only the transition through the trigger level asserts it.
        if count == receiveTrigger { rawInterrupts |= Register.Interrupt.receive }
        if areFIFOsEnabled { rawInterrupts |= Register.Interrupt.receiveTimeout }
    }

    private mutating func pop() -> UInt32 {
        let status = overran ? Register.DRField.overrun : 0
        guard let first = fifo.popFirst() else { return status }
        let character = UInt32(first)
        if count < receiveTrigger { rawInterrupts &= ~Register.Interrupt.receive }
        if count == 0 { rawInterrupts &= ~Register.Interrupt.receiveTimeout }
        receiveStatus = receiveStatus & ~Register.RSRField.breakError
        if character & Register.DRField.breakError != 0 { receiveStatus |= Register.RSRField.breakError }
        return character | status
    }

    // MARK: Modem lines

    /// A terminal is always there and always ready; in loopback mode, the outputs come back as inputs.
    private var modemFlags: UInt32 {
        guard isLoopback else {
            return Register.FRField.clearToSend | Register.FRField.dataSetReady | Register.FRField.dataCarrierDetect
        }
        var flags: UInt32 = 0
        if control & Register.CRField.requestToSend != 0 { flags |= Register.FRField.clearToSend }
        if control & Register.CRField.dataTransmitReady != 0 { flags |= Register.FRField.dataSetReady }
        if control & Register.CRField.out1 != 0 { flags |= Register.FRField.dataCarrierDetect }
        if control & Register.CRField.out2 != 0 { flags |= Register.FRField.ringIndicator }
        return flags
    }

    private mutating func setControl(_ value: UInt32) {
        let before = modemFlags
        control = value & Register.CRField.writable
        let changed = before ^ modemFlags
        if changed & Register.FRField.clearToSend != 0 { rawInterrupts |= Register.Interrupt.clearToSend }
        if changed & Register.FRField.dataSetReady != 0 { rawInterrupts |= Register.Interrupt.dataSetReady }
        if changed & Register.FRField.dataCarrierDetect != 0 { rawInterrupts |= Register.Interrupt.dataCarrierDetect }
        if changed & Register.FRField.ringIndicator != 0 { rawInterrupts |= Register.Interrupt.ringIndicator }
    }

    // MARK: Registers

    private var flags: UInt32 {
        var flags = modemFlags | Register.FRField.transmitEmpty
        if count == 0 { flags |= Register.FRField.receiveEmpty }
        if count >= depth { flags |= Register.FRField.receiveFull }
        return flags
    }

    /// A register, by word-aligned offset.
    mutating func read(_ offset: UInt64) -> UInt32 {
        reader.isRead(offset)
        return switch offset {
        case Register.DR: pop()
        case Register.RSR: receiveStatus
        case Register.FR: flags
        case Register.ILPR: lowPowerDivisor
        case Register.IBRD: integerDivisor
        case Register.FBRD: fractionalDivisor
        case Register.LCR_H: lineControl
        case Register.CR: control
        case Register.IFLS: levelSelect
        case Register.IMSC: interruptMask
        case Register.RIS: rawInterrupts
        case Register.MIS: rawInterrupts & interruptMask
        case Register.DMACR: dmaControl
        default: Self.identification.read(offset) ?? 0
        }
    }

    /// Stores to a register, by word-aligned offset; returns the character to transmit, if this did.
    mutating func write(_ offset: UInt64, _ value: UInt32) -> UInt8? {
        reader.isWritten()
        switch offset {
        case Register.DR: return transmit(UInt8(truncatingIfNeeded: value))
        case Register.RSR: receiveStatus = 0
        case Register.ILPR: lowPowerDivisor = value & Register.ILPRWritable
        case Register.IBRD: integerDivisor = value & Register.IBRDWritable
        case Register.FBRD: fractionalDivisor = value & Register.FBRDWritable
        case Register.LCR_H: lineControl = value & Register.LCR_HField.writable
        case Register.CR: setControl(value)
        case Register.IFLS: levelSelect = value & Register.IFLSField.writable
        case Register.IMSC: setInterruptMask(value)
        case Register.ICR: rawInterrupts &= ~value
        case Register.DMACR: dmaControl = value & Register.DMACRWritable
        default: break
        }
        return nil
    }

    /// Transmits even while the transmitter is off: early consoles count on firmware to have set it up.
    private mutating func transmit(_ character: UInt8) -> UInt8? {
        // The character is gone already, so the FIFO went through its trigger level, which is what asserts this.
        rawInterrupts |= Register.Interrupt.transmit
        guard isLoopback else { return character }
        push(UInt16(character))
        return nil
    }
}

// MARK: Restoring

extension PL011State {
    /// Throws if a guest cannot bring a PL011 into this state.
    func check() throws(DeviceStateError) {
        func within(_ value: UInt32, _ mask: UInt32, _ field: String) throws(DeviceStateError) {
            try DeviceStateError.check(value & ~mask == 0, field)
        }
        try DeviceStateError.check(fifo.characters.allSatisfy(Self.isCharacter), "fifo")
        try within(receiveStatus, Register.RSRField.breakError | Register.RSRField.overrun, "receiveStatus")
        try within(lineControl, Register.LCR_HField.writable, "lineControl")
        try within(control, Register.CRField.writable, "control")
        try within(levelSelect, Register.IFLSField.writable, "levelSelect")
        try within(interruptMask, Register.Interrupt.all, "interruptMask")
        try within(rawInterrupts, Register.Interrupt.all, "rawInterrupts")
        try within(integerDivisor, Register.IBRDWritable, "integerDivisor")
        try within(fractionalDivisor, Register.FBRDWritable, "fractionalDivisor")
        try within(lowPowerDivisor, Register.ILPRWritable, "lowPowerDivisor")
        try within(dmaControl, Register.DMACRWritable, "dmaControl")
        try reader.check()
    }

    /// Whether that is what a place of the FIFO can hold.
    static func isCharacter(_ value: UInt16) -> Bool {
        UInt32(value) & ~(UInt32(UInt8.max) | Register.DRField.breakError) == 0
    }
}
