// Abstract cores for the tests: states, and a record of what was started.

import PSCI
import Synchronization

/// A machine without any code to run: core 0 is on, the others are off.
final class TestMachine: Platform, Sendable {
    struct Start: Equatable {
        var core: Int
        var entryPoint: UInt64
        var contextID: UInt64
        var caller: Int
    }

    private struct State {
        var cores: [CoreState]
        var starts: [Start] = []
        var entropy: [UInt64] = []
    }

    /// Addresses that are RAM.
    static let ram: Range<UInt64> = 0x4000_0000..<0x1_4000_0000

    private let affinities: [Affinity]
    private let refusesEntryPoints: Bool
    private let startsFail: Bool
    private let state: Mutex<State>

    init(
        affinities: [Affinity] = (0..<4).map { Affinity(aff0: $0) },
        refusesEntryPoints: Bool = false, startsFail: Bool = false, entropy: [UInt64] = []
    ) {
        self.affinities = affinities
        self.refusesEntryPoints = refusesEntryPoints
        self.startsFail = startsFail
        var cores = [CoreState](repeating: .off, count: affinities.count)
        cores[0] = .on
        state = Mutex(State(cores: cores, entropy: entropy))
    }

    var starts: [Start] { state.withLock { $0.starts } }

    var coreCount: Int { affinities.count }

    func affinity(ofCore core: Int) -> Affinity { affinities[core] }

    func state(ofCore core: Int) -> CoreState { state.withLock { $0.cores[core] } }

    func setState(_ new: CoreState, ofCore core: Int) { state.withLock { $0.cores[core] = new } }

    func exchangeState(ofCore core: Int, from old: CoreState, to new: CoreState) -> CoreState {
        state.withLock { state in
            let found = state.cores[core]
            if found == old { state.cores[core] = new }
            return found
        }
    }

    func isValidEntryPoint(_ address: UInt64) -> Bool {
        !refusesEntryPoints || Self.ram.contains(address)
    }

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
    Firmware(policy: Policy(version: version), platform: machine)
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
