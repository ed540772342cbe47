// Abstract cores for the tests: states, and a record of what was started.

import Synchronization

@testable import PSCI

/// A machine without any code to run: core 0 is on, the others are off.
final class TestMachine: Platform, Sendable {
    struct Start: Equatable {
        var core: Int
        var entryPoint: UInt64
        var contextID: UInt64
        var caller: Int
    }

    private struct State {
        var firmware: FirmwareState
        var starts: [Start] = []
        var entropy: [UInt64] = []
        var now: UInt64 = 0
    }

    /// Addresses that are RAM.
    static let ram: Range<UInt64> = 0x4000_0000..<0x1_4000_0000

    let topology: Topology
    private let refusesEntryPoints: Bool
    private let startsFail: Bool
    private let withheld: Set<Int>
    private let state: Mutex<State>

    init(
        affinities: [Affinity] = (0..<4).map { Affinity(aff0: $0) },
        refusesEntryPoints: Bool = false, startsFail: Bool = false, withheld: Set<Int> = [], entropy: [UInt64] = [],
        idleStates: IdleStates = .byDefault
    ) {
        topology = Topology(affinities)
        self.refusesEntryPoints = refusesEntryPoints
        self.startsFail = startsFail
        self.withheld = withheld
        var firmware = FirmwareState(topology: topology, idleStates: idleStates)
        firmware.boot(core: 0, isCold: true)
        firmware.completeStart(0)
        state = Mutex(State(firmware: firmware, entropy: entropy))
    }

    /// Clusters of two cores each.
    convenience init(clusters: UInt8, idleStates: IdleStates = .all) {
        self.init(
            affinities: (0..<clusters).flatMap { cluster in (0..<2).map { Affinity(aff1: cluster, aff0: $0) } },
            refusesEntryPoints: true, idleStates: idleStates)
    }

    var starts: [Start] { state.withLock { $0.starts } }

    func state(ofCore core: Int) -> CoreState { state.withLock { $0.firmware.state(ofCore: core) } }

    func setState(_ new: CoreState, ofCore core: Int) { state.withLock { $0.firmware.cores[core].state = new } }

    /// Time passes.
    func wait(microseconds: UInt64) { state.withLock { $0.now += microseconds * 1000 } }

    var now: UInt64 { state.withLock { $0.now } }

    func withState<Result: Sendable>(_ body: (inout FirmwareState) -> Result) -> Result {
        state.withLock { body(&$0.firmware) }
    }

    func isValidEntryPoint(_ address: UInt64) -> Bool {
        !refusesEntryPoints || Self.ram.contains(address)
    }

    func isProtectedMemory(from base: UInt64, through last: UInt64) -> Bool {
        Self.ram.contains(base) && Self.ram.contains(last)
    }

    func isWithheld(_ core: Int) -> Bool { withheld.contains(core) }

    func start(core: Int, entryPoint: UInt64, contextID: UInt64, caller: Int) -> Bool {
        guard !startsFail else { return false }
        state.withLock {
            $0.starts.append(Start(core: core, entryPoint: entryPoint, contextID: contextID, caller: caller))
        }
        return true
    }

    func entropy() -> UInt64? {
        state.withLock { $0.entropy.isEmpty ? nil : $0.entropy.removeFirst() }
    }
}

/// A firmware of `version` with every function of the default policy.
func firmware(_ version: Version = .v1_3, on machine: TestMachine = TestMachine()) -> Firmware<TestMachine> {
    Firmware(policy: Policy.test(version: version), platform: machine)
}

extension Firmware {
    /// A call by its number, as the documents print it.
    func call(_ id: UInt32, _ x1: UInt64 = 0, _ x2: UInt64 = 0, _ x3: UInt64 = 0, from caller: Int = 0) -> CallResult {
        call(CallRegisters(x0: UInt64(id), x1: x1, x2: x2, x3: x3), caller: caller)
    }
}

/// What a 32-bit call that returns `value` leaves in x0.
func w0(_ value: Int32) -> UInt64 { UInt64(UInt32(bitPattern: value)) }

/// What a 64-bit call that returns `value` leaves in x0.
func x0(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) }

extension Firmware where Machine == TestMachine {
    /// The signed result of a 64-bit call.
    func call64(_ function: Function, _ x1: UInt64 = 0, _ x2: UInt64 = 0, _ x3: UInt64 = 0, from caller: Int = 0)
        -> Int64
    {
        CallWidth.smc64.signed(call(CallRegisters(function, .smc64, x1, x2, x3), caller: caller).registers.x0)
    }

    /// The signed result of a 32-bit call.
    func call32(_ function: Function, _ x1: UInt64 = 0, _ x2: UInt64 = 0, _ x3: UInt64 = 0, from caller: Int = 0)
        -> Int64
    {
        CallWidth.smc32.signed(call(CallRegisters(function, .smc32, x1, x2, x3), caller: caller).registers.x0)
    }

    /// Turns every core on, as a guest does.
    func turnAllOn() {
        for core in 1..<platform.topology.coreCount {
            _ = call64(.cpuOn, platform.topology.affinities[core].rawValue, TestMachine.ram.lowerBound)
            coreStarted(core)
        }
    }
}
