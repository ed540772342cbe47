// Text for Prometheus (its "text-based format", version 0.0.4).

/// Families of figures, as text.
struct MetricsText {
    private(set) var text = ""

    /// Begins a family.
    ///
    /// - Parameters:
    ///   - name: of the family, with its unit.
    ///   - kind: `counter`, `gauge` or `histogram`.
    ///   - help: what it is, in one line without backslashes.
    mutating func family(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
    }

    /// One figure.
    mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: some CustomStringConvertible)
    {
        let labels = labels.map { "\($0.key)=\"\(Self.escape($0.value))\"" }.joined(separator: ",")
        text += "\(name){\(labels)} \(value)\n"
    }

    /// A histogram of one VM.
    mutating func histogram(_ name: String, vm: String, _ histogram: DurationHistogram) {
        for (bound, count) in zip(DurationHistogram.bounds, histogram.counts) {
            sample("\(name)_bucket", ["vm": vm, "le": "\(bound)"], count)
        }
        sample("\(name)_bucket", ["vm": vm, "le": "+Inf"], histogram.count)
        sample("\(name)_sum", ["vm": vm], histogram.sum)
        sample("\(name)_count", ["vm": vm], histogram.count)
    }

    /// A state may be of a later version, or something that a file says.
    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
