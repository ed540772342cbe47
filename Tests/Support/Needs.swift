// What a test needs of the machine that it runs on.
//
// A tool or a guest that is missing makes a developer's test be skipped, with the reason. In CI, where the scripts have
// installed and fetched everything, it makes the test fail: a suite that skips is green and says nothing.

import Foundation
import Testing

/// Something that a test needs and that is not there.
struct MissingInCI: Error, CustomStringConvertible {
    var description: String
}

extension Trait where Self == ConditionTrait {
    /// Skips the test if `isThere` is false; fails it if the environment variable `CI` is set.
    ///
    /// - Parameter whyNot: what is missing, and how to get it.
    public static func needs(_ isThere: @escaping @autoclosure @Sendable () -> Bool, _ whyNot: Comment) -> Self {
        .enabled(whyNot) {
            guard !isThere(), isCI else { return isThere() }
            throw MissingInCI(description: "\(whyNot): in CI everything that a test needs has to be there")
        }
    }
}

private let isCI = ProcessInfo.processInfo.environment["CI"].map { !$0.isEmpty } ?? false
