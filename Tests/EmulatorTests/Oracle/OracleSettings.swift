// How much is compared in a run of the tests, and with which seed.

import Arm64
import Emulator
import Foundation
import TestSupport

/// What the environment asks for: DORMOUSE_NIGHTLY=1 for the long run, with a series of its own each night,
/// DORMOUSE_SEED for another series or to reproduce one, DORMOUSE_CASE for a single case of it, DORMOUSE_PROGRAMS for
/// another number of programs where they are counted in millions.
struct OracleSettings {
    let isNightly: Bool
    let seed: UInt64
    /// The only case to run, if any.
    let number: Int?
    /// How many programs are asked for, if anybody does.
    private let programs: Int?

    /// The same cases every night would find nothing new.
    private static let tonight = UInt64.random(in: 0...UInt64.max)

    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        isNightly = Nightly.isOn
        seed = environment["DORMOUSE_SEED"].flatMap { UInt64($0) } ?? (isNightly ? Self.tonight : 1)
        programs = environment["DORMOUSE_PROGRAMS"].flatMap { Int($0) }
        number = environment["DORMOUSE_CASE"].flatMap { Int($0) }
    }

    /// Drawn instructions to execute without a fault. A debug build is ten times slower, and asked for less.
    var instructionCount: Int {
        #if DEBUG
        isNightly ? 1_000_000 : 100_000
        #else
        isNightly ? 20_000_000 : 2_000_000
        #endif
    }

    /// Programs to compare between engines, of some seven blocks each.
    var programCount: Int { isNightly ? 300_000 : 3_000 }

    /// Programs of a series that takes its time: two million at night, and five nights make ten.
    func programCount(usual: Int) -> Int { programs ?? (isNightly ? 2_000_000 : usual) }

    /// Words that should be undefined to run.
    var undefinedWordCount: Int { isNightly ? 2_000_000 : 100_000 }

    /// Whether ours takes `word` for undefined at EL0.
    static func isUndefined(_ word: UInt32) -> Bool { isUndefined(word, on: .oracle) }

    /// The same of a CPU of `model`.
    static func isUndefined(_ word: UInt32, on model: CPUModel) -> Bool {
        guard let instruction = model.decoder.decode(word) else { return true }
        var context = LoweringContext(for: model)
        context.begin(isEL0: true, stackIsMisaligned: false)
        return !Lowering.lower(word, as: instruction, into: &context)
    }
}
