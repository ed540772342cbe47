// Requests to a disk that the host could not do: what the last line of a run says of them.

import Devices
import Glibc

/// How many requests to a disk failed, and why.
public struct DiskFailures: Sendable, Hashable {
    public var path: String
    /// By errno.
    public var counts: [Int32: UInt64]

    /// To follow the words for the end of a run.
    var words: String {
        let reasons = counts.sorted { $0.key < $1.key }.map { code, count in
            "\(count) \(String(cString: strerror(code)))"
        }
        let count = counts.values.reduce(0, &+)
        let reason =
            counts.count == 1
            ? counts.keys.map { String(cString: strerror($0)) }[0] : reasons.joined(separator: ", ")
        return "\(count) \(count == 1 ? "request" : "requests") to disk \(path) failed (\(reason))"
    }
}

extension VirtualMachine {
    /// The disks of which requests failed since the machine was made.
    public var diskFailures: [DiskFailures] {
        zip(configuration.disks, diskActivity).compactMap { disk, activity in
            activity.failures == 0 ? nil : DiskFailures(path: disk.path, counts: activity.failuresByReason)
        }
    }
}
