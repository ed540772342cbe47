// What Guests/linux/init reports on the console.

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
        console.matches(of: /dormouse: (hibernating|resumed), sha256 (?:ok )?([0-9a-f]{64}), (cycle \d of \d)/).map {
            ChecksumLine(step: String($0.1), checksum: String($0.2), cycle: String($0.3))
        }
    }

    /// What the guest says went wrong.
    var guestFailure: String? {
        console.split(separator: "\n").first { $0.contains("dormouse: FAILED") }.map(String.init)
    }
}
