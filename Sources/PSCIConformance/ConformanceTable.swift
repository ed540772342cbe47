// The conformance guest's checks as a table: a row for each function, a column for each version and width.

import PSCI

/// Counts checks.
public struct ConformanceTable {
    private struct Cell {
        var passed = 0
        var failed = 0

        var text: String {
            switch (passed, failed) {
            case (0, 0): "-"
            case (_, 0): "\(passed)"
            default: "\(failed) FAIL"
            }
        }
    }

    private struct Key: Hashable {
        var version: Version
        var width: CallWidth
        var function: Function
    }

    private var cells: [Key: Cell] = [:]
    private var versions: [Version] = []

    public init() {}

    /// Checks that did not pass.
    public var failureCount: Int { cells.values.reduce(0) { $0 + $1.failed } }
    /// Checks that were made.
    public var count: Int { cells.values.reduce(0) { $0 + $1.passed + $1.failed } }

    /// The checks of one function, at one version and in one width.
    public struct Row: Sendable, Hashable, Encodable {
        /// Such as `CPU_ON`.
        public var function: String
        /// Such as `1.3`.
        public var version: String
        /// `SMC32` or `SMC64`.
        public var width: String
        public var passed: Int
        public var failed: Int
    }

    /// All that was counted, in the table's order.
    public var rows: [Row] {
        Function.allCases.flatMap { function in
            versions.flatMap { version in
                CallWidth.allCases.compactMap { width in
                    cells[Key(version: version, width: width, function: function)].map { cell in
                        Row(
                            function: function.name.description, version: version.name, width: Self.name(of: width),
                            passed: cell.passed, failed: cell.failed)
                    }
                }
            }
        }
    }

    private static func name(of width: CallWidth) -> String { width == .smc32 ? "SMC32" : "SMC64" }

    /// Adds the checks of a run.
    public mutating func add(_ lines: [ConformanceLine], version: Version) {
        if !versions.contains(version) { versions.append(version) }
        for line in lines where !line.isSkipped {
            let key = Key(version: version, width: line.width, function: line.function)
            var cell = cells[key, default: Cell()]
            if line.isPassed { cell.passed += 1 } else { cell.failed += 1 }
            cells[key] = cell
        }
    }

    /// The functions of PSCI that no check of a version and width names: there must be none.
    public var gaps: [String] {
        versions.flatMap { version in
            CallWidth.allCases.flatMap { width in
                Function.allCases.filter { $0.interface == .psci }
                    .filter { cells[Key(version: version, width: width, function: $0)] == nil }
                    .map { "\(Self.name(of: width)) \($0.name) at \(version.name)" }
            }
        }
    }

    /// Lines of text: how many checks passed, or how many failed.
    public var text: String {
        let columns = versions.flatMap { version in CallWidth.allCases.map { (version, $0) } }
        let rows =
            [[""] + columns.map { "\($0.name) SMC\($1 == .smc32 ? 32 : 64)" }]
            + Function.allCases.filter { function in cells.keys.contains { $0.function == function } }.map { function in
                [function.name.description]
                    + columns.map { version, width in
                        cells[Key(version: version, width: width, function: function)]?.text ?? "-"
                    }
            }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += column == 0 ? cell + padding : "  " + padding + cell
            }
            return line
        }
        .joined(separator: "\n")
    }
}
