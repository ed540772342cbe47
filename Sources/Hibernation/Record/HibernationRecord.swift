// What is kept of a hibernation until the next start.
//
// Responsible for: its shape. Not responsible for: where it is kept, and when (Host), or for what follows from it
// (`StartDecision`). Every number that may need 64 bits is text: not every reader of JSON keeps them.

import Bytes

/// A guest's hibernation, as the host saw it.
public struct HibernationRecord: Codable, Hashable, Sendable {
    public static let currentSchema = 1

    /// How the guest ended.
    public struct Call: Codable, Hashable, Sendable {
        /// `SYSTEM_OFF2`; or `SYSTEM_OFF`, by a guest that knows nothing newer, with an image found on a disk.
        public var function: String
        /// In hexadecimal.
        public var functionID: String
        /// The type that SYSTEM_OFF2 was called with.
        public var type: UInt32?
        public var core: Int

        public init(function: String, functionID: String, type: UInt32?, core: Int) {
            self.function = function
            self.functionID = functionID
            self.type = type
            self.core = core
        }
    }

    public var schema = currentSchema
    /// The version of Dormouse that wrote it.
    public var dormouse: String
    /// When, in nanoseconds since 1970-01-01 UTC.
    public var time: String
    public var call: Call
    /// What the guest will have to find again.
    public var environment: Environment
    /// The generation that the guest was booted in.
    public var generation: UInt64
    /// What its FACS said, in hexadecimal.
    public var hardwareSignature: String
    /// The guest's counter at that time.
    public var counter: String
    /// The disks as they were left, in the order of their slots; nil if nobody could look.
    public var disks: [DiskFingerprint]?

    public init(
        dormouse: String, time: UInt64, call: Call, environment: Environment, generation: UInt64, counter: UInt64,
        disks: [DiskFingerprint]?
    ) {
        self.dormouse = dormouse
        self.time = String(time)
        self.call = call
        self.environment = environment
        self.generation = generation
        hardwareSignature = hexadecimal(HardwareSignature.of(environment, generation: generation))
        self.counter = String(counter)
        self.disks = disks
    }

    /// Nanoseconds since 1970-01-01 UTC.
    public var timeNanoseconds: UInt64 { UInt64(time) ?? 0 }

    /// `counter` as a number.
    public var counterValue: UInt64 { UInt64(counter) ?? 0 }
}
