// What a machine tells whoever runs it.
//
// Responsible for: the list of what can be told. What is told has a file each beside this one.

import Hypervisor

/// What a machine tells its surroundings while it runs. Called on the machine's threads.
public struct MachineEvents: Sendable {
    /// All that a boot is made of is in the guest's memory, and the guest is about to begin.
    public var loaded: (@Sendable () -> Void)?
    /// Bytes that the guest wrote to its console.
    public var consoleOutput: @Sendable ([UInt8]) -> Void
    /// The console takes input again, after `sendConsoleInput` could not take everything.
    public var consoleReady: @Sendable () -> Void
    /// Bytes that the guest wrote to a port, by the port's number; returns how many of them are taken. The rest is
    /// offered again after `portTakesOutput`. It must not call the machine. Nil: all of it goes nowhere.
    public var portOutput: (@Sendable (_ port: Int, _ bytes: [UInt8]) -> Int)?
    /// A port takes input again, after `sendPortInput` could not take everything.
    public var portReady: @Sendable (_ port: Int) -> Void
    /// Somebody in the guest has opened a port, or closed it.
    public var portOpened: @Sendable (_ port: Int, _ isOpen: Bool) -> Void = { _, _ in }
    /// The guest's driver of a share, by its tag, lost it when the guest suspended or hibernated: what the guest asks for
    /// is not heard any more.
    public var shareLost: @Sendable (_ tag: String) -> Void = { _ in }
    /// A firmware call and its outcome. Nil: nobody wants to know.
    public var firmwareCall: (@Sendable (FirmwareCallEvent) -> Void)?
    /// The guest suspended the machine to RAM, or it was woken.
    public var suspended: (@Sendable (SuspendEvent) -> Void)?
    /// The guest said that its kernel panicked.
    public var panic: (@Sendable (PanicEvent) -> Void)?
    /// A network has gone.
    public var linkDown: (@Sendable (LinkDownEvent) -> Void)?
    /// The host cannot do what a disk is asked for, or can again.
    public var disk: (@Sendable (DiskTrouble) -> Void)?
    /// The guest wrote the header of a hibernation image to a disk, by its index, in a page that ends there. The guest
    /// waits meanwhile.
    public var imageWritten: (@Sendable (_ disk: Int, _ headerEnd: UInt64) -> Void)?
    /// The guest did not refresh its watchdog, and this is what becomes of it.
    public var watchdog: (@Sendable (WatchdogAction) -> Void)?
    /// A core, by its index, has stopped for a debugger; the others will in a moment.
    public var debugStop: (@Sendable (_ core: Int, DebugStop) -> Void)?

    public init(
        consoleOutput: @escaping @Sendable ([UInt8]) -> Void = { _ in },
        consoleReady: @escaping @Sendable () -> Void = {},
        portOutput: (@Sendable (_ port: Int, _ bytes: [UInt8]) -> Int)? = nil,
        portReady: @escaping @Sendable (_ port: Int) -> Void = { _ in },
        firmwareCall: (@Sendable (FirmwareCallEvent) -> Void)? = nil,
        suspended: (@Sendable (SuspendEvent) -> Void)? = nil,
        panic: (@Sendable (PanicEvent) -> Void)? = nil,
        linkDown: (@Sendable (LinkDownEvent) -> Void)? = nil,
        disk: (@Sendable (DiskTrouble) -> Void)? = nil,
        imageWritten: (@Sendable (_ disk: Int, _ headerEnd: UInt64) -> Void)? = nil,
        debugStop: (@Sendable (_ core: Int, DebugStop) -> Void)? = nil
    ) {
        self.consoleOutput = consoleOutput
        self.consoleReady = consoleReady
        self.portOutput = portOutput
        self.portReady = portReady
        self.firmwareCall = firmwareCall
        self.suspended = suspended
        self.panic = panic
        self.linkDown = linkDown
        self.disk = disk
        self.imageWritten = imageWritten
        self.debugStop = debugStop
    }
}
