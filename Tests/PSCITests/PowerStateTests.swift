import PSCI
import Testing

@Suite("power_state")
struct PowerStateTests {
    /// Table 16, without the column that names the last level; StateType and PowerLevel by Tables 7 and 8.
    static let composites: [(stateID: UInt32, state: CompositeState)] = [
        (0x001, CompositeState(core: .standby)),
        (0x002, CompositeState(core: .retention)),
        (0x003, CompositeState(core: .powerDown)),
        (0x022, CompositeState(core: .retention, cluster: .retention)),
        (0x023, CompositeState(core: .powerDown, cluster: .retention)),
        (0x033, CompositeState(core: .powerDown, cluster: .powerDown)),
        (0x222, CompositeState(core: .retention, cluster: .retention, system: .retention)),
        (0x223, CompositeState(core: .powerDown, cluster: .retention, system: .retention)),
        (0x233, CompositeState(core: .powerDown, cluster: .powerDown, system: .retention)),
        (0x333, CompositeState(core: .powerDown, cluster: .powerDown, system: .powerDown)),
    ]

    @Test("The combinations of Table 16 have their StateID in both formats", arguments: composites)
    func table16(stateID: UInt32, state: CompositeState) {
        let level: UInt32 = stateID > 0xFF ? 2 : stateID > 0xF ? 1 : 0
        let isPowerDown = stateID & 0xF == 3
        let original = stateID | level << 24 | (isPowerDown ? 1 << 16 : 0)
        let extended = stateID | (isPowerDown ? 1 << 30 : 0)
        for last in [PowerLevel.core, .cluster, .system] {
            var state = state
            state.lastIn = last
            #expect(PowerState(state, format: .original).rawValue == original | last.rawValue << 12)
            #expect(PowerState(state, format: .extendedStateID).rawValue == extended | last.rawValue << 12)
            #expect(PowerState(rawValue: original | last.rawValue << 12).composite(in: .original) == state)
            #expect(PowerState(rawValue: extended | last.rawValue << 12).composite(in: .extendedStateID) == state)
        }
    }

    @Test("Nothing but zeros is standby of the core, in both formats", arguments: PowerStateFormat.allCases)
    func zero(format: PowerStateFormat) {
        #expect(PowerState(rawValue: 0).composite(in: format) == CompositeState(core: .standby))
    }

    @Test("No other number is a power_state")
    func others() {
        // Every number with a few bits set, and every StateID with every type and level.
        var numbers: [UInt32] = []
        for id in 0..<UInt32(0x4000) {
            for level in UInt32(0)..<4 {
                for type in UInt32(0)..<2 { numbers += [id | level << 24 | type << 16, id | type << 30] }
            }
        }
        for first in 0..<UInt32(32) { for second in 0..<first { numbers.append(1 << first | 1 << second) } }
        for format in PowerStateFormat.allCases {
            let known = Set(
                Self.composites.flatMap { entry in
                    PowerLevel.allCases.map { last in
                        var state = entry.state
                        state.lastIn = last
                        return PowerState(state, format: format).rawValue
                    }
                })
            for number in numbers where !known.contains(number) {
                // Zeros but for the level in which the core is the last are standby too.
                guard number & ~0x3000 != 0 else { continue }
                #expect(PowerState(rawValue: number).composite(in: format) == nil, "\(number)")
            }
        }
    }

    @Test("Statistics name the highest level of a combination, or one level alone (§5.22.1)")
    func statistics() throws {
        for (number, level, state) in [
            (0x0223, .system, .retention), (0x0233, .system, .retention), (0x0200, .system, .retention),
            (0x2233, .system, .retention), (0x0030, .cluster, .powerDown), (0x1033, .cluster, .powerDown),
            (0x0003, .core, .powerDown), (0x0001, .core, .standby),
        ] as [(UInt32, PowerLevel, LocalState)] {
            for format in PowerStateFormat.allCases {
                let found = try #require(PowerState(rawValue: number).highestLocalState(in: format))
                #expect(found.level == level)
                #expect(found.state == state)
            }
        }
        for number: UInt32 in [0, 0x1000, 0x4, 0x40, 0x8000_0003, 0x10_0003] {
            #expect(PowerState(rawValue: number).highestLocalState(in: .original) == nil)
        }
    }
}
