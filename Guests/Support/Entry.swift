// From start.S into Swift: each guest is an `enum Guest` with `main` for the boot core and `secondaryMain` for others.

import PSCI

@_cdecl("guest_start")
func guestStart(deviceTree: UInt) {
    Console.start()
    let board = Board(deviceTree: deviceTree)
    GuestConduit.current = GuestConduit(conduit: board.conduit)
    memoryBarrier()
    Guest.main(board)
    board.powerOff()
}

@_cdecl("guest_secondary_start")
func guestSecondaryStart(
    core: Int, contextID: UInt64, systemControl: UInt64, interruptMasks: UInt64, exceptionLevel: UInt64,
    stackPointerSelect: UInt64
) {
    let mailbox = Mailbox(ofCore: core)
    mailbox[.contextID] = contextID
    mailbox[.systemControl] = systemControl
    mailbox[.interruptMasks] = interruptMasks
    mailbox[.exceptionLevel] = exceptionLevel
    mailbox[.stackPointerSelect] = stackPointerSelect
    mailbox[.mpidr] = readMPIDR()
    memoryBarrier()
    mailbox[.arrivals] += 1
    memoryBarrier()
    sendEvent()
    Guest.secondaryMain(core: core)
}

/// An exception that nobody expected: the run cannot go on.
@_cdecl("guest_exception")
func guestException(syndrome: UInt64, returnAddress: UInt64, faultAddress: UInt64) {
    Console.write("\nBail out! Exception on MPIDR ")
    Console.write(hexadecimal: readMPIDR())
    Console.write(": ESR_EL1 ")
    Console.write(hexadecimal: syndrome)
    Console.write(", ELR_EL1 ")
    Console.write(hexadecimal: returnAddress)
    Console.write(", FAR_EL1 ")
    Console.write(hexadecimal: faultAddress)
    Console.writeLine()
    Console.flush()
    _ = Client(conduit: GuestConduit.current).call(.systemOff, .smc32)
}
