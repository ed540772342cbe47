// What a run has done so far, as far as counting it costs nothing: for whoever asks how a VM is.

import Devices
import Machine

/// Figures of a run that goes on. They begin again when the guest is another machine: with another start.
public struct RunFigures: Codable, Sendable, Hashable {
    /// What was asked of a disk; those that failed included.
    public struct Disk: Codable, Sendable, Hashable {
        public var path: String
        public var reads: UInt64
        /// Discards and requests to write zeros count as writes.
        public var writes: UInt64
        public var flushes: UInt64
        /// How many of these failed.
        public var failures: UInt64

        init(_ disk: DiskConfiguration, _ activity: DiskActivity) {
            path = disk.path
            reads = activity.reads
            writes = activity.writes
            flushes = activity.flushes
            failures = activity.failures
        }
    }

    /// Calls of the firmware that the guest made.
    public var firmwareCalls: Int
    /// In the guest's order.
    public var disks: [Disk]

    public init(of machine: VirtualMachine) {
        firmwareCalls = machine.firmwareCalls.count
        disks = zip(machine.configuration.disks, machine.diskActivity).map(Disk.init)
    }
}
