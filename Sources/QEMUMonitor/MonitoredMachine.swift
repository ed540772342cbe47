// What can be asked of a machine that is steered by a monitor.
//
// Responsible for: the list. How it is done is whoever's who runs the machine. All of it is called on the server's
// thread, and returns soon.

/// A machine, as its monitors see it.
public protocol MonitoredMachine: Sendable {
    /// What it is doing.
    var status: MonitoredStatus { get }
    /// Its disks, in their order.
    var disks: [MonitoredDisk] { get }
    /// The host's number of each CPU's thread.
    var threadIDs: [Int32] { get }
    /// What can be said of the guest's hibernation.
    var hibernation: MonitoredHibernation { get }
    /// Pauses the guest; it has stopped, or will in a moment.
    func pause()
    /// Lets it go on.
    func resume()
    /// Starts the guest again.
    func reset()
    /// Ends the run.
    func quit()
    /// Presses the power button; false if there is none.
    func pressPowerButton() -> Bool
    /// Presses the sleep button; false if there is none.
    func pressSleepButton() -> Bool
    /// Wakes a guest that is suspended to RAM.
    func wake()
    /// Writes the guest's memory and registers to a file, as an ELF core. The guest stands still meanwhile. May take as
    /// long as the host's disk does, and is called on a thread of its own if the client wants that.
    ///
    /// - Parameter path: is made, or overwritten.
    /// - Returns: the size of the file in bytes.
    /// - Throws: why there is no dump.
    func dump(to path: String) throws(QMPError) -> UInt64
}

/// What a machine is doing, by QEMU's names (`RunState` of qapi/run-state.json).
public enum MonitoredStatus: String, Sendable, CaseIterable {
    /// It has not begun to run.
    case prelaunch
    case running
    case paused
    /// It waits for a disk.
    case ioError = "io-error"
    /// Suspended to RAM.
    case suspended
    case shutdown
    case guestPanicked = "guest-panicked"
}

/// A disk of a machine.
public struct MonitoredDisk: Sendable, Equatable {
    public var name: String
    public var path: String
    public var format: String
    public var isReadOnly: Bool
    public var byteCount: UInt64

    /// - Parameters:
    ///   - name: what clients know it by.
    ///   - path: the file on the host.
    ///   - format: of the file.
    ///   - isReadOnly: whether the guest cannot write to it.
    ///   - byteCount: what the guest sees.
    public init(name: String, path: String, format: String, isReadOnly: Bool, byteCount: UInt64) {
        self.name = name
        self.path = path
        self.format = format
        self.isReadOnly = isReadOnly
        self.byteCount = byteCount
    }
}

/// What can be said of a guest's hibernation while it runs.
public struct MonitoredHibernation: Sendable, Equatable {
    /// Whether the guest can tell that it hibernates: its firmware has SYSTEM_OFF2.
    public var offersSystemOff2: Bool
    /// Whether it can be asked to.
    public var hasSleepButton: Bool
    /// Where it has written headers of images in this run: the disk's name, and where the header's page ends, in bytes.
    public var imageHeaders: [ImageHeader]

    /// A header that was seen.
    public struct ImageHeader: Sendable, Equatable {
        public var disk: String
        public var end: UInt64

        /// - Parameters:
        ///   - disk: the name of the disk.
        ///   - end: where its page ends, in bytes from the disk's beginning.
        public init(disk: String, end: UInt64) {
            self.disk = disk
            self.end = end
        }
    }

    /// - Parameters:
    ///   - offersSystemOff2: whether the firmware has SYSTEM_OFF2.
    ///   - hasSleepButton: whether the guest can be asked to hibernate.
    ///   - imageHeaders: those that were seen.
    public init(offersSystemOff2: Bool, hasSleepButton: Bool, imageHeaders: [ImageHeader]) {
        self.offersSystemOff2 = offersSystemOff2
        self.hasSleepButton = hasSleepButton
        self.imageHeaders = imageHeaders
    }
}
