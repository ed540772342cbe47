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
    /// The `count`-th time that the guest says its time, it is the host's within a second.
    ///
    /// - Returns: how far it may be ahead, in seconds. The guest read its clock before the date was on its console, and
    ///   after the line before that was: what was not there yet at a look it had not done. On a machine that has other
    ///   things to do no more is known.
    @discardableResult
    func expectRightClock(
        count: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> ClosedRange<TimeInterval> {
        /// When the console was looked at, and how long it was.
        var looks = [(time: began, byteCount: 0)]
        while true {
            // In this order: what is said after the last look is not lost.
            let wasRunning = isRunning
            let time = Date()
            let text = console
            let dates = text.matches(of: /dormouse: date ([0-9.]+) \(/)
            if let date = dates.dropFirst(count - 1).first, let guest = Double(date.1) {
                let now = Date()
                let lines = text[..<date.range.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)
                let before = lines.dropLast(2).reduce(0) { $0 + $1.utf8.count + 1 }
                let last = looks.last { $0.byteCount <= before }?.time ?? began
                let ahead = guest - now.timeIntervalSince1970...guest - last.timeIntervalSince1970
                #expect(ahead.overlaps(-1...1), "the guest is ahead by \(ahead)", sourceLocation: sourceLocation)
                return ahead
            }
            guard wasRunning else { throw Failure("the run ended without the \(count). date") }
            looks.append((time, text.utf8.count))
            Thread.sleep(forTimeInterval: 0.02)
        }
    }
}
