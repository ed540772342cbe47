// A disk as an option says it.

import Devices
import Machine

extension DiskConfiguration {
    /// What may follow a path, and what it sets. Anything else, commas included, belongs to the path.
    private static let suffixes: [(key: String, value: String, set: @Sendable (inout DiskConfiguration) -> Void)] = [
        ("readonly", "on", { $0.isReadOnly = true }), ("readonly", "off", { $0.isReadOnly = false }),
        ("format", "raw", { $0.isRaw = true }), ("format", "auto", { $0.isRaw = false }),
        ("on-error", DiskErrorPolicy.report.rawValue, { $0.onError = .report }),
        ("on-error", DiskErrorPolicy.stop.rawValue, { $0.onError = .stop }),
    ]

    /// `FILE`, with `,readonly=on`, `,readonly=off`, `,format=raw`, `,format=auto`, `,on-error=report` or
    /// `,on-error=stop` behind it; nil if there is no path.
    ///
    /// Each key is taken off once, so a file whose own name ends like one is named with another behind it.
    init?(argument: String) {
        var path = argument[...]
        var disk = DiskConfiguration(path: "")
        var keys: Set<String> = []
        while let suffix = Self.suffixes.first(where: { path.hasSuffix(",\($0.key)=\($0.value)") }),
            keys.insert(suffix.key).inserted
        {
            path = path.dropLast(",\(suffix.key)=\(suffix.value)".count)
            suffix.set(&disk)
        }
        guard !path.isEmpty else { return nil }
        disk.path = String(path)
        self = disk
    }
}
