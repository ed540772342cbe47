// The programs of Guests/compute and Guests/processes: what they print, and how they run on the machine itself.

import Foundation

/// Programs that run one after the other in one run of a guest.
enum ProgramSet: String, CaseIterable, Codable {
    /// What a processor does.
    case compute
    /// What a kernel does for processes.
    case processes
}

/// What one run of one program printed.
struct ProgramResult {
    var name: String
    /// The same on every processor that computes right.
    var checksum: String
    var seconds: Double

    /// Finds "NAME checksum HEX seconds S" in a line.
    init?(line: String) {
        guard let match = line.firstMatch(of: /(\w+) checksum ([0-9a-f]{16}) seconds ([0-9]+\.[0-9]+)/),
            let seconds = Double(match.3)
        else { return nil }
        (name, checksum, self.seconds) = (String(match.1), String(match.2), seconds)
    }
}

/// The programs built for the machine that measures: the limit of what an emulated CPU can reach.
struct NativePrograms {
    let name = "native"
    /// Where Guests/compute/build and Guests/processes/build put them.
    let directory: URL

    private func executable(_ set: ProgramSet) -> URL { directory.appending(path: "\(set.rawValue)-native") }

    /// The names of all programs of `sets`, or of those that `wanted` names.
    func select(_ wanted: [String], of sets: [ProgramSet]) throws -> [ProgramSet: [String]] {
        var all: [ProgramSet: [String]] = [:]
        for set in sets { all[set] = try MeasuredProcess(executable(set), ["--list"]).lines.map(\.text) }
        guard !wanted.isEmpty else { return all }
        if let unknown = wanted.first(where: { name in !all.values.contains { $0.contains(name) } }) {
            let names = sets.flatMap { all[$0] ?? [] }
            throw MeasurementError(
                description: "there is no program \(unknown); the programs are \(names.joined(separator: ", "))")
        }
        return all.mapValues { names in wanted.filter(names.contains) }.filter { !$0.value.isEmpty }
    }

    func measure(_ programs: [ProgramSet: [String]]) throws -> Measurement {
        var measurement = Measurement()
        for (set, names) in programs { try measurement.add(names, of: MeasuredProcess(executable(set), names)) }
        return measurement
    }
}
