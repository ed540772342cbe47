// How a guest uses its disk, as Guests/disk does it and says it.

import Foundation

/// The names are those of the guest's program, and of the JSON file.
enum DiskPattern: String, CaseIterable, Codable, CodingKeyRepresentable {
    case firstWrite = "first-write"
    case write, read
    case firstRandomWrite = "first-random-write"
    case randomWrite = "random-write"
    case randomRead = "random-read"

    /// Bytes of the disk; the program uses a part of it.
    static let diskByteCount = 1 << 30

    var title: String {
        switch self {
        case .firstWrite: "write, where nothing was"
        case .write: "write again"
        case .read: "read"
        case .firstRandomWrite: "write 4 KiB at random, where nothing was"
        case .randomWrite: "write 4 KiB at random again"
        case .randomRead: "read 4 KiB at random"
        }
    }

    /// MiB in a second, from "disk NAME bytes N seconds S"; nil if it is another line.
    func speed(line: String) -> Double? {
        guard let match = line.firstMatch(of: /disk ([a-z-]+) bytes ([0-9]+) seconds ([0-9]+\.[0-9]+)/),
            match.1 == rawValue, let bytes = Double(match.2), let seconds = Double(match.3), seconds > 0
        else { return nil }
        return bytes / 0x1p20 / seconds
    }
}
