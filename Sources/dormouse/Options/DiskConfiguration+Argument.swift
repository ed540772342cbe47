// A disk as an option says it.

import Devices
import DiskImages
import Machine

extension DiskConfiguration {
    /// What may follow a path, and what it sets. Anything else, commas included, belongs to the path.
    private static let suffixes: [(key: String, value: String, set: @Sendable (inout DiskConfiguration) -> Void)] = [
        ("readonly", "on", { $0.isReadOnly = true }), ("readonly", "off", { $0.isReadOnly = false }),
        ("format", "raw", { $0.format = .raw }), ("format", "qcow2", { $0.format = .qcow2 }),
        ("format", "auto", { $0.format = nil }),
        ("on-error", DiskErrorPolicy.report.rawValue, { $0.onError = .report }),
        ("on-error", DiskErrorPolicy.stop.rawValue, { $0.onError = .stop }),
    ]

    /// `FILE`, with `,readonly=on`, `,readonly=off`, `,format=raw`, `,format=qcow2`, `,format=auto`, `,on-error=report`,
    /// `,on-error=stop` or `,serial=TEXT` behind it; nil if there is no path.
    ///
    /// Each key is taken off once, so a file whose own name ends like one is named with another behind it.
    init?(argument: String) {
        guard let argument = DiskArgument(argument), argument.overlay == nil else { return nil }
        self = argument.disk
    }

    /// Takes off what is behind the path.
    fileprivate static func takeSuffixes(_ path: inout Substring, _ keys: inout Set<String>, _ disk: inout Self) {
        while let (key, text, set) = suffix(of: path), keys.insert(key).inserted {
            path = path.dropLast(text.count)
            set(&disk)
        }
    }

    private static let serialKey = ",serial="

    /// What the path ends with: its key, all of it, and what it sets.
    private static func suffix(
        of path: Substring
    ) -> (key: String, text: String, set: (inout DiskConfiguration) -> Void)? {
        for suffix in suffixes {
            let text = ",\(suffix.key)=\(suffix.value)"
            if path.hasSuffix(text) { return (suffix.key, text, suffix.set) }
        }
        guard let key = path.ranges(of: serialKey).last else { return nil }
        let serial = String(path[key.upperBound...])
        guard !serial.contains(","), isSerial(serial) else { return nil }
        return (serialKey, serialKey + serial, { $0.serial = serial })
    }
}

/// A disk as an option says it, and what its writes go to.
struct DiskArgument: Hashable {
    /// What `,overlay=` says: the file that has what is written.
    private static let overlayKey = ",overlay="

    var disk: DiskConfiguration
    /// nil: they go to the disk.
    var overlay: String?

    /// As `DiskConfiguration` has it, and `,overlay=FILE`, which may be anywhere behind the path; nil if there is no
    /// path.
    init?(_ argument: String) {
        var path = argument[...]
        var keys: Set<String> = []
        disk = DiskConfiguration(path: "")
        DiskConfiguration.takeSuffixes(&path, &keys, &disk)
        if let key = path.ranges(of: Self.overlayKey).last {
            let file = path[key.upperBound...]
            guard !file.isEmpty else { return nil }
            overlay = String(file)
            path = path[..<key.lowerBound]
            DiskConfiguration.takeSuffixes(&path, &keys, &disk)
        }
        guard !path.isEmpty else { return nil }
        disk.path = String(path)
    }

    /// The disk that the machine has. An overlay that is not there is made.
    func prepared() throws(DiskImageError) -> DiskConfiguration {
        guard let overlay else { return disk }
        try OverlayBase(path: disk.path, format: disk.format).makeOverlay(at: overlay)
        var disk = disk
        disk.path = overlay
        disk.format = .qcow2
        return disk
    }
}

extension [DiskArgument] {
    /// The machine's disks.
    func prepared() throws(DiskImageError) -> [DiskConfiguration] {
        var disks: [DiskConfiguration] = []
        for argument in self { disks.append(try argument.prepared()) }
        return disks
    }
}
