// All rounds of all monitors: medians and ratios as a table, single values as JSON.

import Foundation

/// Where it was measured.
struct Host: Codable {
    var date: String
    var processor: String
    var cores: Int
    var system: String
    /// Runnable threads before it began, the average of a minute.
    var load: Double
    var guest: String
    var versions: [String: String]

    init(monitors: [any Monitor], guest: Guest) {
        date = Date.now.formatted(.iso8601)
        let processors = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        processor =
            processors.split(separator: "\n").first { $0.hasPrefix("model name") }?
            .split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        cores = ProcessInfo.processInfo.activeProcessorCount
        system = ProcessInfo.processInfo.operatingSystemVersionString
        let loads = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
        load = loads.split(separator: " ").first.flatMap { Double($0) } ?? 0
        self.guest = guest.release
        versions = Dictionary(uniqueKeysWithValues: monitors.map { ($0.name, $0.version) })
    }
}

struct Results: Codable {
    var host: Host
    var memoryMebibytes: Int
    /// By the name of the monitor, in the order of the rounds.
    private(set) var rounds: [String: [Measurement]] = [:]
    private var names: [String] = []

    init(host: Host, memoryMebibytes: Int) {
        self.host = host
        self.memoryMebibytes = memoryMebibytes
    }

    mutating func add(_ measurement: Measurement, of name: String) {
        if !names.contains(name) { names.append(name) }
        rounds[name, default: []].append(measurement)
    }

    /// Medians; with a `baseline`, also the first monitor's as multiples of its.
    func table(baseline: String?) -> String {
        let heading =
            ["median of \(rounds[names[0]]?.count ?? 0)"] + names + (baseline.map { ["ratio to \($0)"] } ?? [])
        var rows = [heading, heading.map { _ in "---" }]
        for quantity in Quantity.allCases {
            let medians = names.map { median(quantity, of: $0) }
            var row = [quantity.title] + medians.map(Self.text)
            if let baseline {
                let other = median(quantity, of: baseline)
                row.append(medians[0].flatMap { ours in other.map { "× " + Self.text(ours / $0) } } ?? "–")
            }
            rows.append(row)
        }
        let table = rows.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
        let versions = names.map { "\($0): \(host.versions[$0] ?? "unknown")" }.joined(separator: "; ")
        return """
            \(host.date), \(host.processor), \(host.cores) cores, \(host.system), load before \(host.load)
            Linux \(host.guest), 1 CPU, \(memoryMebibytes) MiB; \(versions)

            \(table)
            """
    }

    func write(to file: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: file, options: .atomic)
    }

    private func median(_ quantity: Quantity, of name: String) -> Double? {
        let values = (rounds[name] ?? []).compactMap { $0[quantity] }.sorted()
        guard !values.isEmpty else { return nil }
        return (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
    }

    /// With three significant digits, or all of a whole number.
    private static func text(_ value: Double?) -> String {
        guard let value else { return "–" }
        return String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
    }
}
