// The compute programs of Guests/compute: what they print, and how they run on the machine itself.

import Foundation

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
    var executable: URL

    /// The names of all programs, or of those that `wanted` names.
    func select(_ wanted: [String]) throws -> [String] {
        let all = try MeasuredProcess(executable, ["--list"]).lines.map(\.text)
        if let unknown = wanted.first(where: { !all.contains($0) }) {
            throw MeasurementError(
                description: "there is no program \(unknown); the programs are \(all.joined(separator: ", "))")
        }
        return wanted.isEmpty ? all : wanted
    }

    func measure(_ programs: [String]) throws -> Measurement {
        var measurement = Measurement()
        let process = try MeasuredProcess(executable, programs)
        try measurement.add(programs, of: process)
        return measurement
    }
}
