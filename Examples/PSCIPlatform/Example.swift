// Another platform under PSCI: three cores that are nothing but names, and a guest that turns one of them on.

import PSCI
import Synchronization

/// What a machine offers to its firmware: cores, memory, a clock.
final class Board: Platform, Sendable {
    let topology = Topology((0..<3).map { Affinity(aff0: $0) })
    private let state: Mutex<FirmwareState>

    init(idleStates: IdleStates) {
        var state = FirmwareState(topology: topology, idleStates: idleStates)
        state.boot(core: 0, isCold: true)
        self.state = Mutex(state)
    }

    var now: UInt64 { 0 }
    func withState<Result: Sendable>(_ body: (inout FirmwareState) -> Result) -> Result { state.withLock { body(&$0) } }
    func isValidEntryPoint(_ address: UInt64) -> Bool { address < 1 << 30 }
    func isProtectedMemory(from base: UInt64, through last: UInt64) -> Bool { false }
    func entropy() -> UInt64? { nil }

    func start(core: Int, entryPoint: UInt64, contextID: UInt64, caller: Int) -> Bool {
        print("core \(caller) starts core \(core) at 0x\(String(entryPoint, radix: 16)) with \(contextID)")
        return true
    }
}

@main
struct Example {
    static func main() {
        let policy = Policy(
            version: .v1_3, conduit: .hvc, optional: .possible(in: .v1_3), powerStateFormat: .original,
            idleStates: [.coreStandby], trustedOS: .none, coresPerCluster: 3)
        let firmware = Firmware(policy: policy, platform: Board(idleStates: policy.idleStates))
        firmware.coreStarted(0)
        // What the guest's registers hold at its HVC.
        for call in [
            CallRegisters(.psciVersion, .smc32), CallRegisters(.cpuOn, .smc64, 1, 0x8000, 7),
            CallRegisters(.cpuOn, .smc64, 9, 0x8000), CallRegisters(.systemOff, .smc32),
        ] {
            let result = firmware.call(call, caller: 0)
            print(CallDescription(call, result: result), result.effect)
        }
    }
}
