// A check of the conformance guest, as its console has it: `ok 17 - SMC64 CPU_ON: the calling core is ALREADY_ON`.
//
// Responsible for: reading the guest's TAP. What the host sees itself, such as how a run ended, is a line of the same
// kind.

import PSCI

/// One check.
public struct ConformanceLine: Sendable, Hashable {
    public var isPassed: Bool
    /// The check could not be made, and counts as neither.
    public var isSkipped: Bool
    public var width: CallWidth
    public var function: Function
    /// What was checked, and what was returned if that is wrong.
    public var text: String

    init(_ isPassed: Bool, _ width: CallWidth, _ function: Function, _ text: String) {
        self.isPassed = isPassed
        isSkipped = false
        self.width = width
        self.function = function
        self.text = text
    }

    /// Nil if the line is no check.
    init?(_ line: Substring) {
        let isPassed = line.hasPrefix("ok ")
        guard isPassed || line.hasPrefix("not ok "), let dash = line.range(of: " - ") else { return nil }
        let words = line[dash.upperBound...].split(separator: " ", maxSplits: 2)
        guard words.count == 3, words[0] == "SMC32" || words[0] == "SMC64", words[1].hasSuffix(":"),
            let function = Function(named: String(words[1].dropLast()))
        else { return nil }
        self.isPassed = isPassed
        isSkipped = words[2].contains("# SKIP")
        width = words[0] == "SMC32" ? .smc32 : .smc64
        self.function = function
        text = String(words[2])
    }
}

extension Substring {
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
