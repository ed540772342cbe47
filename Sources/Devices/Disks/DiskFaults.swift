// What goes wrong with a machine's disks, on purpose, as values.
//
// Responsible for: saying it. Doing it is `DiskLaboratory`'s; what the command line calls it is said in
// Machine/Laboratory.

/// What goes wrong with one disk.
public struct DiskFaults: Sendable, Hashable {
    /// What can go wrong. Each is counted by itself, from 1, since the machine was made.
    public enum Request: String, Sendable, CaseIterable {
        case read, write, flush
    }

    /// The errors that a host's storage gives.
    public enum HostError: String, Sendable, CaseIterable {
        case inputOutput = "EIO"
        case noSpace = "ENOSPC"
    }

    /// What becomes of a request.
    public enum Action: Sendable, Hashable {
        /// The power goes before anything of it is done.
        case cut
        /// The power goes in the middle of a write: that many sectors of it are on the medium, whatever becomes of what
        /// was not flushed.
        case tear(sectors: Int)
        /// The host refuses it, and nothing of it is done. virtio has one error for the guest, VIRTIO_BLK_S_IOERR.
        case fail(HostError)
        /// So many sectors of a write are done, then it fails.
        case short(sectors: Int)

        var cutsPower: Bool {
            switch self {
            case .cut, .tear: true
            case .fail, .short: false
            }
        }
    }

    /// What the power cut leaves of the writes that were done and not flushed.
    public enum Unflushed: Sendable, Hashable {
        /// None of them is on the medium.
        case lose
        /// All of them are.
        case keep
        /// A part of them is, in any order, so that of two writes to one sector the earlier may be what is left. The
        /// seed decides, and the same seed decides in the same way: with a seed of 4 × n about half of them are lost,
        /// with 4 × n + 1 one in 16, + 2 one in 128, + 3 one in 512.
        case reorder(seed: UInt64)
    }

    /// One thing that goes wrong.
    public struct Rule: Sendable, Hashable {
        public var request: Request
        /// Which one, from 1.
        public var number: UInt64
        public var action: Action

        public init(_ request: Request, _ number: UInt64, _ action: Action) {
            self.request = request
            self.number = number
            self.action = action
        }
    }

    /// Of several rules for one request the first counts.
    public var rules: [Rule]
    /// Nil if nothing was said of it: they are lost.
    public var unflushed: Unflushed?

    public init(rules: [Rule] = [], unflushed: Unflushed? = nil) {
        self.rules = rules
        self.unflushed = unflushed
    }

    /// These, and what else goes wrong with the same disk.
    public func adding(_ other: DiskFaults) -> DiskFaults {
        DiskFaults(rules: rules + other.rules, unflushed: other.unflushed ?? unflushed)
    }

    func action(on request: Request, _ number: UInt64) -> Action? {
        rules.first { $0.request == request && $0.number == number }?.action
    }
}
