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

    /// What went through a network device, seen from the guest: Ethernet frames, and their bytes.
    public struct Network: Codable, Sendable, Hashable {
        public var receivedFrames: UInt64
        public var receivedBytes: UInt64
        public var sentFrames: UInt64
        public var sentBytes: UInt64

        init(_ activity: NetworkActivity) {
            receivedFrames = activity.receivedFrames
            receivedBytes = activity.receivedBytes
            sentFrames = activity.sentFrames
            sentBytes = activity.sentBytes
        }
    }

    /// Calls of the firmware that the guest made.
    public var firmwareCalls: Int
    /// How often its CPUs came back from guest code, by the name of an `ExitReason`; of a run of an earlier version,
    /// nobody knows.
    public var exits: [String: UInt64]?
    /// In the guest's order.
    public var disks: [Disk]
    /// In the guest's order; of a run of an earlier version, nobody knows.
    public var networks: [Network]?

    public init(of machine: VirtualMachine) {
        firmwareCalls = machine.firmwareCalls.count
        exits = Dictionary(uniqueKeysWithValues: ExitReason.allCases.map { ($0.name, machine.exitCount($0)) })
        disks = zip(machine.configuration.disks, machine.diskActivity).map(Disk.init)
        networks = machine.networkActivity.map(Network.init)
    }
}
