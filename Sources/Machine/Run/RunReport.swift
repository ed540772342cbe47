// What `--report` writes: everything about a run that a program may want to know afterwards.
//
// Responsible for: the shape of the report, as values. Collecting them is in `RunReport+Machine`, the file in
// `ReportFile`. docs/cli.md documents the shape; whoever changes it changes `schemaVersion` and that page.
// Numbers that may need all of 64 bits, and ids, are text in hexadecimal: not every reader of JSON keeps 64 bits.

import Hibernation

/// The report of a run.
public struct RunReport: Codable, Sendable {
    /// The shape that this describes.
    public static let currentSchemaVersion = 1

    public var schemaVersion = currentSchemaVersion
    /// The version of Dormouse.
    public var dormouse: String
    public var end: End
    /// How often the guest was started.
    public var boots: Int
    /// Host time from the first start to the end.
    public var wallSeconds: Double
    /// Host CPU time meanwhile, of all threads.
    public var cpuSeconds: Double
    /// Instructions that all cores executed, in all boots.
    public var guestInstructions: UInt64
    /// Millions of them in a second of host time, idle time included.
    public var mips: Double
    public var psci: PSCI
    /// How often the guest said that its kernel panicked, in all boots: by what it said, panicked or crash-loaded.
    public var panics: [String: UInt64]
    /// What the guest wrote last.
    public var console: Console?
    /// What was asked of each disk, in the order of the slots.
    public var disks: [DiskUse]
    /// One for each disk, in the order of the slots.
    public var hibernationImages: [Image]
    public var memory: Memory
    public var configuration: Configuration
    /// Of a VM that is kept.
    public var vm: VM?

    /// What the start of a kept VM was, and why.
    public struct VM: Codable, Sendable {
        public var name: String
        /// boot, resume, keep, clean, refused-environment, refused-disks or refused-expired.
        public var start: String
        /// Whether nobody knows how the run before ended.
        public var isUnknown: Bool
        public var generation: UInt64
        /// SHA-256 of the environment that the guest found.
        public var environmentFingerprint: String
        /// What differs from the environment that the guest hibernated in.
        public var differences: [EnvironmentDifference]
        public var diskChanges: [DiskChange]
        public var diskNotices: [DiskNotice]
        /// From the call that ended the run to what is kept of it on stable storage, without what the disks' own flush
        /// took.
        public var recordMilliseconds: Double?

        public init(
            name: String, start: String, isUnknown: Bool, generation: UInt64, environmentFingerprint: String,
            differences: [EnvironmentDifference], diskChanges: [DiskChange], diskNotices: [DiskNotice],
            recordMilliseconds: Double?
        ) {
            self.name = name
            self.start = start
            self.isUnknown = isUnknown
            self.generation = generation
            self.environmentFingerprint = environmentFingerprint
            self.differences = differences
            self.diskChanges = diskChanges
            self.diskNotices = diskNotices
            self.recordMilliseconds = recordMilliseconds
        }
    }

    /// How the run ended.
    public struct End: Codable, Sendable {
        /// powered-off, exited, hibernated, reset, crashed or stopped.
        public var kind: String
        public var exitCode: Int32
        /// The last line on standard error, without "dormouse: ".
        public var words: String

        public init(kind: String, exitCode: Int32, words: String) {
            self.kind = kind
            self.exitCode = exitCode
            self.words = words
        }
    }

    /// What the guest's firmware was, and what was asked of it.
    public struct PSCI: Codable, Sendable {
        /// "1.3"
        public var version: String
        /// hvc or smc.
        public var conduit: String
        /// Calls of any function, those that are not PSCI's included.
        public var callCount: Int
        /// The last call of SYSTEM_OFF, SYSTEM_OFF2, SYSTEM_RESET or SYSTEM_RESET2, if there was one.
        public var lastSystemCall: SystemCall?
        /// The guest called SYSTEM_OFF2 and the call failed.
        public var refusedSystemOff2: Bool
        /// The functions that the guest was offered, those that are not PSCI's included.
        public var functions: [String]
        /// original or extended.
        public var powerStateFormat: String
        public var idleStates: [String]
        /// none, migratable or fixed.
        public var trustedOS: String
        public var coresPerCluster: Int
        /// What PSCI_STAT_COUNT and PSCI_STAT_RESIDENCY say of every core's power-down at the end; none if they are not
        /// offered.
        public var powerDowns: [PowerDown]?
    }

    /// How much of a run a core was powered down, by CPU_SUSPEND, CPU_OFF or otherwise.
    public struct PowerDown: Codable, Sendable {
        public var core: Int
        public var count: UInt64
        public var microseconds: UInt64
    }

    /// A call that was to end the run.
    public struct SystemCall: Codable, Sendable {
        /// In hexadecimal.
        public var functionID: String
        /// "SYSTEM_OFF2"
        public var name: String
        /// The function's first argument, if it has one.
        public var type: UInt32?
        /// The function's second argument, if it has one, in hexadecimal.
        public var cookie: String?
        /// The core that called.
        public var core: Int
        /// Where its HVC or SMC is, in hexadecimal.
        public var pc: String
        /// What became of the call, in words.
        public var outcome: String
    }

    /// The end of what the guest wrote to its console.
    public struct Console: Codable, Sendable {
        /// What it said of a panic in the last boot, if the guest did not tell of that in any better way. Its own
        /// words, and no fact.
        public var panic: String?
        /// The last lines, 24 at most.
        public var lines: [String]
    }

    /// How often a disk was used.
    public struct DiskUse: Codable, Sendable {
        public var path: String
        /// The guest's requests.
        public var reads: UInt64
        public var writes: UInt64
        /// The guest's, and one at the end of each boot.
        public var flushes: UInt64
        /// How many of these failed.
        public var failures: UInt64
    }

    /// Whether a disk holds a hibernation image.
    public struct Image: Codable, Sendable {
        public var path: String
        public var found: Bool
        /// Why the disk could not be searched.
        public var failure: String?
        /// The partition that has the image; none if the disk is not divided.
        public var partition: Int?
        /// The guest's page size, if an image was found, as all that follows.
        public var pageSize: Int?
        /// SF_* of Linux's kernel/power/power.h.
        public var flags: UInt32?
        /// In hexadecimal; none if the guest had none.
        public var hardwareSignature: String?
        /// The CRC32 of the image in hexadecimal; none if the image has none.
        public var checksum: String?
        /// The swap signature that comes back when the image is gone; none if it is unknown.
        public var originalSignature: String?
    }

    /// The process's memory after the run.
    public struct Memory: Codable, Sendable {
        public var residentBytes: UInt64
        /// The most that was ever resident.
        public var peakBytes: UInt64
        /// The part of the guest's RAM that was touched since its last start; all of it counts as resident.
        public var guestTouchedBytes: UInt64
        /// What the guest's code is translated to.
        public var codeCacheBytes: Int
    }

    /// What the machine was made from.
    public struct Configuration: Codable, Sendable {
        /// The machine model.
        public var model: String
        /// The CPU model, if it is not the machine model's.
        public var cpu: String?
        public var cpus: Int
        public var memoryBytes: UInt64
        public var kernel: String?
        /// auto, linux or flat.
        public var kernelFormat: String
        public var initrd: String?
        public var append: String
        /// dt or acpi.
        public var firmware: String
        /// UEFI's files; nil if there is none, and for variables that are forgotten.
        public var uefiCode: String?
        public var uefiVariables: String?
        /// What UEFI was told to start before all else; nil: nothing.
        public var bootOrder: [String]?
        /// Seconds that UEFI was told to wait for a key.
        public var bootMenu: Int?
        /// In hexadecimal; none with a device tree.
        public var hardwareSignature: String?
        /// 32 hexadecimal digits, if the machine has one.
        public var generationID: String?
        /// The system's UUID, if it is set.
        public var uuid: String?
        public var disks: [Disk]
        public var networks: [Network]
        public var guest: Guest?
        /// host or instructions.
        public var clock: String
        /// What entropy started from, with the instruction clock.
        public var seed: UInt64?
        /// pl011 or virtio.
        public var console: String
        /// reset, crash, hibernate or none, if the guest has a watchdog.
        public var watchdog: String?
    }

    /// A disk that the machine was made with.
    public struct Disk: Codable, Sendable {
        public var path: String
        public var readOnly: Bool
        /// auto or raw.
        public var format: String
        /// report or stop.
        public var onError: String
        /// What the guest finds as its serial number, if that was said.
        public var serial: String?
    }

    /// What the guest's operating system was told.
    public struct Guest: Codable, Sendable {
        public var hostname: String?
        public var user: String?
        /// How many public keys of ssh.
        public var sshKeys: Int
        /// hibernate or guest.
        public var sleepButton: String
    }

    /// A network that the machine was made with.
    public struct Network: Codable, Sendable {
        /// user, passt or tap.
        public var kind: String
        /// The address that the guest has.
        public var mac: String
        public var mtu: UInt16
        /// Of passt.
        public var socket: String?
        /// Of tap.
        public var interface: String?
        /// Of user: the host's ports that lead into the guest, if there are any.
        public var forwards: [String]?
    }
}
