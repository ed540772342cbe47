// Which engine tests run guest code with.

import Emulator
import Foundation
import Testing

enum TestEngine {
    /// The engines that are compared with each other. Where there is no translator, it is the interpreter twice.
    static let both: [Engine] = [.interpreter, .translator]

    /// The only engine to run tests with, if DORMOUSE_ENGINE names one.
    static let fromEnvironment = ProcessInfo.processInfo.environment["DORMOUSE_ENGINE"].flatMap(Engine.init)

    /// The engines that tests which compare nothing run with.
    static let selected: [Engine] = fromEnvironment.map { [$0] } ?? both

    /// The engine of the test that is running.
    @TaskLocal static var current = fromEnvironment ?? .auto
}

/// Runs each test once for each selected engine: see `TestEngine.current`. What fails says with which.
struct EveryEngine: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func scopeProvider(for test: Test, testCase: Test.Case?) -> EveryEngine? {
        // Once for each case, not once more for the suite around it.
        testCase == nil ? nil : self
    }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        for engine in TestEngine.selected { try await TestEngine.$current.withValue(engine, operation: function) }
    }
}

extension Trait where Self == EveryEngine {
    /// Once for each engine.
    static var everyEngine: EveryEngine { EveryEngine() }
}
