// What Dormouse keeps of a VM between its runs: `state.json`.
//
// Responsible for: its shape. One file that is replaced as a whole, so that whatever happens, it says either what was
// true before or what is true after. A run begins by saying that it runs: if it says so when nobody runs it, nobody
// knows how the run ended, and an image may be on a disk.

import Hibernation
import Machine

/// The state of a VM.
public struct VMState: Codable, Hashable, Sendable {
    public static let currentSchema = 1

    public var schema = currentSchema
    /// 128 random bits in hexadecimal, from the VM's making on.
    public var identity: String
    /// The directory in which the VM was made, or ran last: a copy of it has the same identity and another place.
    public var home: String?
    /// Counted up for each boot that is to be clean, so that the guest finds another hardware signature.
    public var generation: UInt64 = 1
    /// The run that goes on, or that ended without a word.
    public var run: Run?
    /// The hibernation that the next start may resume.
    public var hibernation: Slept?
    /// How the last run ended that could say so.
    public var lastEnd: End?
    /// An image that was given up, or may be, and can be put back as long as the disk was not written.
    public var lost: Lost?
    /// Where headers of hibernation images were seen on the disks, by the disks' paths: the ends of their pages in
    /// bytes, as text. An image in a swap file is found by that.
    public var headerEnds: [String: [String]]?

    init(identity: String) {
        self.identity = identity
    }

    /// A run that began.
    public struct Run: Codable, Hashable, Sendable {
        public var environment: Environment
        public var configuration: VMConfiguration
        public var generation: UInt64
        /// Nanoseconds since 1970-01-01 UTC, as text.
        public var since: String
        /// The guest's counter at that time, as text.
        public var counter: String
        /// The hibernation that it resumes, if it does.
        public var resumed: Slept?
    }

    /// A guest that hibernated, and how its VM was configured then.
    public struct Slept: Codable, Hashable, Sendable {
        public var record: HibernationRecord
        public var configuration: VMConfiguration
        /// Nobody could see whether the guest hibernated: there is a place on a disk that nobody can look into.
        public var mayHave: Bool?

        public var isCertain: Bool { mayHave != true }
    }

    /// How a run ended.
    public struct End: Codable, Hashable, Sendable {
        /// As in a report: powered-off, hibernated, reset, crashed or stopped.
        public var kind: String
        public var exitCode: Int32
        public var words: String
        /// Nanoseconds since 1970-01-01 UTC, as text.
        public var time: String

        public init(kind: String, exitCode: Int32, words: String, time: String) {
            self.kind = kind
            self.exitCode = exitCode
            self.words = words
            self.time = time
        }
    }

    /// Images that were given up, and what is needed to put them back.
    public struct Lost: Codable, Hashable, Sendable {
        /// The hibernation; nil if nobody knew of it.
        public var slept: Slept?
        public var headers: [Header]
        /// Disks that were written since, so that a guest that came back would find them changed.
        public var written: [String] = []
        /// The guest was to resume from the images, and nobody gave them up but perhaps its kernel.
        public var wasToResume: Bool?
        /// The disks as they were left since, by us or by the last run; nil if nobody looked.
        public var disks: [DiskFingerprint]?
        /// The images are being taken off the disks, or put back. Who finds this comes after a process that was killed
        /// at it, and nobody knows which disk has what.
        public var isChanging: Bool?

        /// The first page of a swap area with an image.
        public struct Header: Codable, Hashable, Sendable {
            /// The disk.
            public var path: String
            public var header: SavedImageHeader
        }
    }
}

/// What whoever lists many VMs wants of a state: most of that is an environment, which takes its time to be read.
public struct VMStateOutline: Decodable, Sendable {
    var schema: Int
    public var generation: UInt64
    public var lastEnd: VMState.End?
}

extension VMState {
    /// More places on one disk than a guest has swap areas.
    private static let maximumHeaderEnds = 16

    /// `headerEnds` as numbers.
    var knownHeaderEnds: [String: [UInt64]] { (headerEnds ?? [:]).mapValues { $0.compactMap { UInt64($0) } } }

    /// Notes that the header of an image was seen, as the newest; false if it is that already.
    mutating func note(headerEnd: UInt64, onDiskAt path: String) -> Bool {
        let end = String(headerEnd)
        var ends = headerEnds?[path] ?? []
        guard ends.last != end else { return false }
        ends.removeAll { $0 == end }
        ends.append(end)
        headerEnds = (headerEnds ?? [:]).merging([path: Array(ends.suffix(Self.maximumHeaderEnds))]) { $1 }
        return true
    }

    /// The digests of the kernels and initrds that something in here may need once more.
    var neededFiles: Set<Fingerprint> {
        let environments = [
            run?.environment, run?.resumed?.record.environment, hibernation?.record.environment,
            lost?.slept?.record.environment,
        ]
        let facts = environments.compactMap(\.self).flatMap {
            [$0["kernel.sha256"], $0["initrd.sha256"], $0["uefi.sha256"]]
        }
        return Set(facts.compactMap { $0.flatMap { Fingerprint($0) } })
    }
}

extension VMState {
    /// Names the files in the VM's directory by another place of that: a guest that is to find what it left finds them.
    mutating func movePaths(to path: String) {
        guard let home, home != path else { return }
        if let old = run?.configuration { run?.configuration = old.moved(from: home, to: path) }
        if let old = hibernation?.configuration { hibernation?.configuration = old.moved(from: home, to: path) }
        if let old = lost?.slept?.configuration { lost?.slept?.configuration = old.moved(from: home, to: path) }
    }
}
