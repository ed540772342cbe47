// What Guests/linux/init reports on the console.

import Foundation
import Testing

/// A line of the guest's first process that names a checksum.
struct ChecksumLine: Equatable {
    var step: String
    var checksum: String
    var cycle: String
}

extension DormouseRun.End {
    /// The checksums that the guest reports, in their order: "hibernating, sha256 …" and "resumed, sha256 ok …".
    var checksums: [ChecksumLine] {
        console.matches(of: /dormouse: (hibernating|resumed), sha256 (?:ok )?([0-9a-f]{64}), (cycle \d+ of \d+)/).map {
            ChecksumLine(step: String($0.1), checksum: String($0.2), cycle: String($0.3))
        }
    }

    /// What the guest says went wrong.
    var guestFailure: String? {
        console.split(separator: "\n").first { $0.contains("dormouse: FAILED") }.map(String.init)
    }
}

extension DormouseRun {
    /// The `count`-th time that the guest says its time, it is within a second of the host's.
    ///
    /// - Returns: how far it is ahead, in seconds.
    @discardableResult
    func expectRightClock(count: Int, sourceLocation: SourceLocation = #_sourceLocation) throws -> TimeInterval {
        // When it was not said yet, and when it was.
        var before = Date().timeIntervalSince1970
        while true {
            let after = Date().timeIntervalSince1970
            let dates = console.matches(of: /dormouse: date ([0-9.]+) \(/).compactMap { Double($0.1) }
            if let guest = dates.dropFirst(count - 1).first {
                let now = Date().timeIntervalSince1970
                #expect(
                    guest > before - 1 && guest < now + 1, "guest \(guest), host \(before) to \(now)",
                    sourceLocation: sourceLocation)
                return guest - now
            }
            guard isRunning else { throw Failure("the run ended without the \(count). date") }
            before = after
            Thread.sleep(forTimeInterval: 0.02)
        }
    }
}
