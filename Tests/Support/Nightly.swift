// What is left for the night: `scripts/test --nightly`, which sets DORMOUSE_NIGHTLY=1.
//
// A run of the tests before a change lands has to end in half an hour on a machine of two cores. It takes each case of
// a kind once; the night takes all combinations, and more of what is drawn by chance.

import Foundation

/// The long run of the tests.
public enum Nightly {
    /// Whether this is it.
    public static let isOn = ProcessInfo.processInfo.environment["DORMOUSE_NIGHTLY"] == "1"

    /// All pairs at night; otherwise as few as have each value at least once.
    public static func pairs<First, Second>(_ first: [First], _ second: [Second]) -> [(First, Second)] {
        guard !isOn else { return first.flatMap { one in second.map { (one, $0) } } }
        guard !first.isEmpty, !second.isEmpty else { return [] }
        return (0..<max(first.count, second.count)).map { (first[$0 % first.count], second[$0 % second.count]) }
    }
}
