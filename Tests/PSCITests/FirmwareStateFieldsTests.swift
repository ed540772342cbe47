// A firmware's state as fields: another firmware that takes them over answers the same.

import Testing

@testable import PSCI

@Suite("The fields of a firmware's state")
struct FirmwareStateFieldsTests {
    /// Calls that change something, with arguments that mostly make sense.
    private func randomCall(_ random: inout some RandomNumberGenerator, _ topology: Topology) -> CallRegisters {
        let core = topology.affinities.randomElement(using: &random)?.rawValue ?? 0
        let entry = TestMachine.ram.lowerBound
        let states = [
            CompositeState(core: .standby), CompositeState(core: .powerDown),
            CompositeState(core: .powerDown, cluster: .powerDown, lastIn: .cluster),
            CompositeState(core: .powerDown, cluster: .powerDown, system: .powerDown, lastIn: .system),
            CompositeState(core: .retention, cluster: .retention),
        ]
        let state = PowerState(states.randomElement(using: &random) ?? states[0], format: .original)
        return switch UInt8.random(in: 0..<9, using: &random) {
        case 0...2: CallRegisters(.cpuOn, .smc64, core, entry, 7)
        case 3...4: CallRegisters(.cpuSuspend, .smc64, UInt64(state.rawValue), entry, 9)
        case 5: CallRegisters(.cpuOff, .smc32, 0, 0, 0)
        case 6: CallRegisters(.cpuFreeze, .smc32, 0, 0, 0)
        case 7: CallRegisters(.systemSuspend, .smc64, entry, 3, 0)
        default:
            Bool.random(using: &random)
                ? CallRegisters(.psciSetSuspendMode, .smc32, UInt64.random(in: 0...1, using: &random), 0, 0)
                : CallRegisters(.memProtect, .smc32, UInt64.random(in: 0...1, using: &random), 0, 0)
        }
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 33
        }
    }

    private func take(_ fields: FirmwareStateFields, on machine: TestMachine) throws {
        let state = try machine.withState(\.self).with(fields)
        machine.withState { $0 = state }
    }

    private func fields(_ machine: TestMachine) -> FirmwareStateFields { machine.withState { $0.fields } }

    @Test(
        "After any calls, a new firmware with the fields has the same fields, and answers the next calls the same",
        arguments: 1...20)
    func moved(seed: UInt64) throws {
        var random = Generator(state: seed)
        var machine = TestMachine(clusters: 2)
        var seen: Set<FirmwareStateFields> = []
        for _ in 0..<300 {
            let call = randomCall(&random, machine.topology)
            let caller = Int.random(in: 0..<4, using: &random)
            let isToStart = Bool.random(using: &random)
            let waking = Int.random(in: 0..<4, using: &random)
            func step(_ machine: TestMachine) -> CallResult? {
                let firmware = firmware(on: machine)
                var result: CallResult?
                // The last core that runs does not turn itself off: nothing would happen any more.
                let endsAll =
                    [.cpuOff, .cpuFreeze].contains(call.functionID.function)
                    && machine.withState { state in !(0..<4).contains { $0 != caller && state.isRunning($0) } }
                if !endsAll, machine.withState({ $0.state(ofCore: caller) == .on && $0.isRunning(caller) }) {
                    result = firmware.call(call, caller: caller)
                }
                machine.wait(microseconds: 3)
                if isToStart { firmware.coreStarted((caller + 1) % 4) }
                if machine.withState({ $0.cores[waking].request != nil }) { firmware.coreWoke(waking) }
                return result
            }
            let other = TestMachine(clusters: 2)
            other.wait(microseconds: machine.now / 1000)
            let saved = fields(machine)
            try take(saved, on: other)
            #expect(fields(other) == saved)
            let (expected, found) = (step(machine), step(other))
            #expect(found == expected)
            #expect(fields(other) == fields(machine))
            seen.insert(saved)
            // From here on the new one is the machine.
            machine = other
        }
        #expect(seen.count > 20)
    }

    @Test("Fields of other cores are refused")
    func otherCores() {
        let saved = fields(TestMachine(clusters: 2))
        for other in [TestMachine(clusters: 1), TestMachine(clusters: 3), TestMachine()] {
            #expect(throws: ImpossibleFirmwareState(field: "affinities")) {
                try take(saved, on: other)
            }
        }
    }

    /// A change of the fields of a machine whose cores 0 and 1 run, and the field that is wrong then.
    struct Nonsense: Sendable, CustomTestStringConvertible {
        var field: String
        var change: @Sendable (inout FirmwareStateFields) -> Void
        var testDescription: String { field }

        init(_ field: String, _ change: @escaping @Sendable (inout FirmwareStateFields) -> Void) {
            self.field = field
            self.change = change
        }

        static let request = FirmwareStateFields.Request(CompositeState(core: .powerDown))
    }

    @Test(
        "What no calls lead to is refused, with the field's name",
        arguments: [
            Nonsense("cores") { $0.cores.removeLast() },
            Nonsense("coreNodes") { $0.coreNodes.removeLast() },
            Nonsense("clusterNodes") { $0.clusterNodes.removeLast() },
            Nonsense("trustedOSCore") { $0.trustedOSCore = 4 },
            Nonsense("trustedOSCore") { $0.trustedOSCore = -1 },
            // Idle, and off.
            Nonsense("cores[3]") { $0.cores[3].request = Nonsense.request },
            Nonsense("cores[3]") { $0.cores[3].isFrozen = true },
            Nonsense("cores[1]") { $0.cores[1].isInSystemSuspend = true },
            // A cluster deeper than its core, and standby of a cluster.
            Nonsense("cores[1]") {
                $0.cores[1].request = .init(CompositeState(core: .retention, cluster: .powerDown))
            },
            Nonsense("clusterNodes[0]") { $0.clusterNodes[0].state = .standby },
            Nonsense("systemNode") { $0.systemNode.osRequest = .standby },
            Nonsense("coreNodes[0]") { $0.coreNodes[0].since = 4 },
            Nonsense("coreNodes[0]") { $0.coreNodes[0].counts = [] },
            Nonsense("coreNodes[0]") { $0.coreNodes[0].residencies = [1, 2, 3, 4] },
            // Runs, and its node is down; is off, and its node is on.
            Nonsense("coreNodes[0].state") { $0.coreNodes[0].state = .powerDown },
            Nonsense("coreNodes[3].state") {
                $0.coreNodes[3].state = .run
                $0.coreNodes[3].since = nil
            },
        ])
    func nonsense(_ nonsense: Nonsense) {
        let machine = TestMachine(clusters: 2)
        _ = firmware(on: machine).call64(.cpuOn, machine.topology.affinities[1].rawValue, TestMachine.ram.lowerBound)
        firmware(on: machine).coreStarted(1)
        var saved = fields(machine)
        nonsense.change(&saved)
        #expect(throws: ImpossibleFirmwareState(field: nonsense.field)) {
            try take(saved, on: machine)
        }
    }
}
