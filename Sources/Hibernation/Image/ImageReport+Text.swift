// The report for people: a line for each part of the disk, a heading for each swap area, a line for each thing that is
// known of its image, and a last line that says how it is.

import Bytes

extension ImageReport {
    /// The report in lines, without the last one.
    public var lines: [String] {
        let empty = partitionsOfSwapType.filter { partition in !areas.contains { $0.partition == partition } }
        return regions.map { $0.line(path: path) } + areas.flatMap { $0.lines(path: path) }
            + empty.map { "\(path), partition \($0): swap by its type, without swap area" }
            + unsearched.map { "\(path): not looked into: \($0)" }
    }

    /// The last line: what the exit code says, in words.
    public var summary: String {
        switch verdict {
        case .none:
            "no hibernation image is on disk \(path)" + (unsearched.isEmpty ? "" : ", as far as was looked")
        case .whole: "the hibernation image on disk \(path) is whole\(wholeness)"
        case .torn:
            "the hibernation image on disk \(path) is torn: "
                + (areas.lazy.compactMap(\.image?.failure).first ?? "unknown")
        }
    }

    /// How much that is worth.
    private var wholeness: String {
        let states = areas.compactMap(\.image?.checksumState)
        if states.allSatisfy({ $0 == ImageInspection.Checksum.right.rawValue }) { return "" }
        if states.contains(ImageInspection.Checksum.unchecked.rawValue) { return ", as far as its structure says" }
        return ", as far as can be said of one without checksum"
    }
}

extension ImageReport.Region {
    /// Such as: disk.img, partition 2 "root": 3072 MiB, ext4 "system", UUID …
    fileprivate func line(path: String) -> String {
        let place =
            path + (partition.map { ", partition \($0)" } ?? "") + (name.map { " \"\($0)\"" } ?? "")
            + (volume.map { ", volume \($0)" } ?? "")
        let what = (content ?? "nothing that is known") + (label.map { " \"\($0)\"" } ?? "")
        return "\(place): \(ImageReport.size(bytes)), \(what)" + (uuid.map { ", UUID \($0)" } ?? "")
    }
}

extension ImageReport {
    /// Bytes in hexadecimal, in the largest unit of which there are at least ten.
    fileprivate static func size(_ bytes: String) -> String {
        let count = UInt64(bytes.dropFirst(2), radix: 16) ?? 0
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        guard let (shift, unit) = units.first(where: { count >> $0.0 >= 10 }) else { return "\(count) bytes" }
        return "\(count >> shift) \(unit)"
    }
}

extension ImageReport.Area {
    fileprivate func lines(path: String) -> [String] {
        let place = path + (partition.map { ", partition \($0)" } ?? "") + (volume.map { ", volume \($0)" } ?? "")
        let file = resumeOffset.map { ", a file at page \($0)" } ?? ""
        let heading = "\(place)\(file): swap with pages of \(pageSize >> 10) KiB, at byte \(offset)"
        guard let image else { return ["\(heading), without hibernation image (\(signature))"] }
        let width = image.facts.map(\.0.count).max() ?? 0
        return ["\(heading), with a hibernation image"]
            + image.facts.map { name, value in
                "  \(name)\(String(repeating: " ", count: width - name.count + 2))\(value)"
            }
    }
}

extension ImageReport.Image {
    /// Names and values, of what is known only.
    fileprivate var facts: [(String, String)] {
        let unknown = "unknown: its name is not in what was read of the image"
        let all: [(String, String?)] = [
            ("kernel", [kernelRelease ?? unknown, machine].compactMap(\.self).joined(separator: ", ")),
            ("build", build),
            ("host name", nodeName),
            ("memory", memoryPages.map { "\(decimal($0)) pages" }),
            ("image", pages.map { "\(decimal($0)) pages, \(imagePages.map(decimal) ?? "?") of them memory, \(size)" }),
            ("on disk", storedPages.map { "\($0) pages, and \(mapPages ?? 0) for their map" }),
            ("compression", compression),
            ("flags", "\(hexadecimal(flags))" + flagNames.map { " \($0)" }.joined()),
            ("hardware signature", hardwareSignature ?? "none"),
            ("original signature", originalSignature ?? "unknown"),
            ("checksum", "\(checksum ?? "none") (\(checksumState))"),
            ("verdict", failure.map { "torn: \($0)" } ?? verdict.rawValue),
        ]
        return all.compactMap { name, value in value.map { (name, $0) } }
    }

    private var size: String {
        let mebibytes = number(bytes ?? "0x0") >> 20
        return "\(mebibytes) MiB"
    }

    private func number(_ hexadecimal: String) -> UInt64 { UInt64(hexadecimal.dropFirst(2), radix: 16) ?? 0 }

    private func decimal(_ hexadecimal: String) -> String { String(number(hexadecimal)) }
}
