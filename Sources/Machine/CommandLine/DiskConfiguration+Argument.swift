// A disk as an option says it.

extension DiskConfiguration {
    /// What may follow a path, and what it means. Anything else, commas included, belongs to the path.
    private static let suffixes = [(",readonly=on", true), (",readonly=off", false)]

    /// `FILE`, `FILE,readonly=on` or `FILE,readonly=off`; nil if there is no path.
    ///
    /// Only one suffix is taken off, so a file whose own name ends like one is named with another behind it.
    public init?(argument: String) {
        var path = argument[...]
        var isReadOnly = false
        if let (suffix, value) = Self.suffixes.first(where: { argument.hasSuffix($0.0) }) {
            path = path.dropLast(suffix.count)
            isReadOnly = value
        }
        guard !path.isEmpty else { return nil }
        self.init(path: String(path), isReadOnly: isReadOnly)
    }
}
