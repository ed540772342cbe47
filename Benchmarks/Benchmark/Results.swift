// All rounds of all monitors: medians and ratios, as tables and as JSON.

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

struct Results {
    let host: Host
    let memoryMebibytes: Int
    let programs: [ProgramSet: [String]]
    /// The monitors that are compared with the baseline: ours.
    let measured: [String]
    let baseline: String?
    /// By the name of the monitor, in the order of the rounds.
    private var rounds: [String: [Measurement]] = [:]
    private var names: [String] = []
    private var checksums: [String: (value: String, by: String)] = [:]

    init(host: Host, memoryMebibytes: Int, programs: [ProgramSet: [String]], measured: [String], baseline: String?) {
        self.host = host
        self.memoryMebibytes = memoryMebibytes
        self.programs = programs
        self.measured = measured
        self.baseline = baseline
    }

    /// - Throws: a `MeasurementError` if a program computed something else than before.
    mutating func add(_ measurement: Measurement, of name: String) throws {
        if !names.contains(name) { names.append(name) }
        rounds[name, default: []].append(measurement)
        for (program, checksum) in measurement.checksums {
            let first = checksums[program, default: (checksum, name)]
            guard first.value == checksum else {
                throw MeasurementError(
                    description: """
                        \(program) computes \(checksum) on \(name) and \(first.value) on \(first.by): one of them is \
                        wrong
                        """)
            }
            checksums[program] = first
        }
    }

    // MARK: What follows from the rounds

    /// The median of what `value` finds in the rounds of a monitor; nil if it finds nothing.
    private func median(of name: String, _ value: (Measurement) -> Double?) -> Double? {
        let values = (rounds[name] ?? []).compactMap(value).sorted()
        guard !values.isEmpty else { return nil }
        return (values[(values.count - 1) / 2] + values[values.count / 2]) / 2
    }

    private func median(_ quantity: Quantity, of name: String) -> Double? { median(of: name) { $0[quantity] } }

    private func seconds(_ program: String, of name: String) -> Double? {
        median(of: name) { $0.programSeconds[program] }
    }

    /// MiB in a second.
    private func diskSpeed(_ pattern: DiskPattern, _ format: DiskImage.Format, of name: String) -> Double? {
        median(of: name) { $0.disk[pattern]?[format.rawValue] }
    }

    /// A quantity of a monitor as a multiple of the baseline's.
    private func ratio(_ quantity: Quantity, of name: String) -> Double? {
        quotient(median(quantity, of: name), baseline.flatMap { median(quantity, of: $0) })
    }

    /// How many times as fast a program is on `name` as on `other`.
    private func speed(_ program: String, of name: String, against other: String) -> Double? {
        quotient(seconds(program, of: other), seconds(program, of: name))
    }

    /// The geometric mean of the speeds of a set's programs.
    private func meanSpeed(_ set: ProgramSet, of name: String, against other: String) -> Double? {
        let programs = programs[set] ?? []
        let speeds = programs.compactMap { speed($0, of: name, against: other) }
        guard !speeds.isEmpty, speeds.count == programs.count else { return nil }
        return exp(speeds.map(log).reduce(0, +) / Double(speeds.count))
    }

    private func quotient(_ numerator: Double?, _ denominator: Double?) -> Double? {
        guard let numerator, let denominator, denominator > 0 else { return nil }
        return numerator / denominator
    }

    // MARK: Tables

    /// Everything that is for a person.
    func text() -> String {
        let versions = names.compactMap { name in host.versions[name].map { "\(name): \($0)" } }
        let heading = """
            \(host.date), \(host.processor), \(host.cores) cores, \(host.system), load before \(host.load)
            Linux \(host.guest), 1 CPU, \(memoryMebibytes) MiB; \(versions.joined(separator: "; "))
            """
        let tables = [bootTable()] + ProgramSet.allCases.map(programTable) + [diskTable()]
        return ([heading] + tables.compactMap { $0 }).joined(separator: "\n\n")
    }

    private var roundCount: Int { rounds[names[0]]?.count ?? 0 }

    /// Medians, and ours as multiples of the baseline's; nil if no boot was measured.
    private func bootTable() -> String? {
        let monitors = names.filter { name in Quantity.allCases.contains { median($0, of: name) != nil } }
        guard !monitors.isEmpty else { return nil }
        let compared = baseline == nil ? [] : measured
        let ratioTitles = compared.map { "\($0) / \(baseline ?? "")" }
        let quantities = Quantity.allCases.filter { quantity in
            monitors.contains { median(quantity, of: $0) != nil }
        }
        let rows = quantities.map { quantity in
            [quantity.title] + monitors.map { Self.text(median(quantity, of: $0)) }
                + compared.map { Self.text(ratio(quantity, of: $0), prefix: "× ") }
        }
        return Self.table(["median of \(roundCount)"] + monitors + ratioTitles, rows)
    }

    /// Medians in seconds, and our speed as multiples of the others'; nil if no program of the set was run.
    private func programTable(_ set: ProgramSet) -> String? {
        guard let programs = programs[set] else { return nil }
        let others = names.filter { !measured.contains($0) }
        let pairs = measured.flatMap { name in others.map { (name: name, other: $0) } }
        var rows = programs.map { program in
            [program] + names.map { Self.text(seconds(program, of: $0)) }
                + pairs.map { Self.text(speed(program, of: $0.name, against: $0.other), prefix: "× ") }
        }
        rows.append(
            ["geometric mean"] + names.map { _ in "" }
                + pairs.map { Self.text(meanSpeed(set, of: $0.name, against: $0.other), prefix: "× ") })
        return Self.table(
            ["seconds, median of \(roundCount)"] + names + pairs.map { "speed of \($0.name) to \($0.other)" }, rows)
    }

    /// Medians of both formats, qcow2 as a multiple of raw, and of ours as multiples of the baseline's; nil if no disk
    /// was measured.
    private func diskTable() -> String? {
        let monitors = names.filter { diskSpeed(.read, .raw, of: $0) != nil }
        guard !monitors.isEmpty else { return nil }
        let formats = DiskImage.Format.allCases
        let compared = baseline.map { baseline in measured.map { (name: $0, baseline: baseline) } } ?? []
        let rows = DiskPattern.allCases.map { pattern in
            [pattern.title]
                + monitors.flatMap { name in
                    formats.map { Self.text(diskSpeed(pattern, $0, of: name)) } + [
                        Self.text(
                            quotient(diskSpeed(pattern, .qcow2, of: name), diskSpeed(pattern, .raw, of: name)),
                            prefix: "× ")
                    ]
                }
                + compared.flatMap { pair in
                    formats.map {
                        Self.text(
                            quotient(diskSpeed(pattern, $0, of: pair.name), diskSpeed(pattern, $0, of: pair.baseline)),
                            prefix: "× ")
                    }
                }
        }
        return Self.table(
            ["MiB/s, median of \(roundCount)"]
                + monitors.flatMap { name in formats.map { "\(name), \($0.rawValue)" } + ["qcow2 / raw"] }
                + compared.flatMap { pair in formats.map { "\(pair.name) / \(pair.baseline), \($0.rawValue)" } },
            rows)
    }

    private static func table(_ heading: [String], _ rows: [[String]]) -> String {
        ([heading, heading.map { _ in "---" }] + rows).map { "| " + $0.joined(separator: " | ") + " |" }
            .joined(separator: "\n")
    }

    /// With three significant digits, or all of a whole number.
    private static func text(_ value: Double?, prefix: String = "") -> String {
        guard let value else { return "–" }
        return prefix + String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
    }
}

// MARK: JSON

extension Results {
    /// What the file holds.
    private struct File: Encodable {
        var host: Host
        var memoryMebibytes: Int
        /// By the name of the monitor, then of the quantity or program.
        var medians: [String: [String: Double]]
        var programSeconds: [String: [String: Double]]
        /// Ours as multiples of the baseline's: below one is quicker, or smaller.
        var ratios: [String: [String: Double]]
        /// By the name of ours, then of the other, then of the program: above one is quicker.
        var speeds: [String: [String: [String: Double]]]
        /// The same of a set of programs.
        var geometricMeans: [String: [String: [String: Double]]]
        /// MiB in a second, by the name of the monitor, of the format and of the pattern.
        var disks: [String: [String: [String: Double]]]
        var rounds: [String: [Measurement]]
    }

    func write(to file: URL) throws {
        let others = names.filter { !measured.contains($0) }
        func each<Value>(_ keys: [String], _ value: (String) -> Value?) -> [String: Value] {
            Dictionary(uniqueKeysWithValues: keys.compactMap { key in value(key).map { (key, $0) } })
        }
        let quantities = Quantity.allCases.map(\.rawValue)
        let programNames = programs.values.flatMap(\.self)
        func quantity(_ name: String, _ value: (Quantity) -> Double?) -> Double? {
            Quantity(rawValue: name).flatMap(value)
        }
        let contents = File(
            host: host, memoryMebibytes: memoryMebibytes,
            medians: each(names) { name in each(quantities) { quantity($0) { median($0, of: name) } } },
            programSeconds: each(names) { name in each(programNames) { seconds($0, of: name) } },
            ratios: each(measured) { name in each(quantities) { quantity($0) { ratio($0, of: name) } } },
            speeds: each(measured) { name in
                each(others) { other in each(programNames) { speed($0, of: name, against: other) } }
            },
            geometricMeans: each(measured) { name in
                each(others) { other in
                    each(ProgramSet.allCases.map(\.rawValue)) { set in
                        ProgramSet(rawValue: set).flatMap { meanSpeed($0, of: name, against: other) }
                    }
                }
            },
            disks: each(names) { name in
                each(DiskImage.Format.allCases.map(\.rawValue)) { format in
                    each(DiskPattern.allCases.map(\.rawValue)) { pattern in
                        DiskPattern(rawValue: pattern).flatMap { pattern in
                            median(of: name) { $0.disk[pattern]?[format] }
                        }
                    }
                }
            },
            rounds: rounds)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(contents).write(to: file, options: .atomic)
    }
}
