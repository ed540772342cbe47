import PSCI
import Testing

@Suite("Random calls")
struct RandomCallTests {
    /// The codes that the document allows for each function (§5.1) besides values of its own, at the version.
    private func allowed(_ function: Function, _ version: Version) -> Set<Int64> {
        let invalidAddress: Set<Int64> = version == .v0_2 ? [] : [-9]
        switch function {
        case .psciVersion: return [Int64(version.rawValue)]
        case .cpuSuspend: return invalidAddress.union([0, -2, -3])
        case .cpuDefaultSuspend: return [0, -9]
        case .systemSuspend: return [0, -3, -9]
        // Not returning shows as INTERNAL_FAILURE, together with an effect.
        case .cpuOff, .cpuFreeze: return [-3, -6]
        case .systemOff, .systemReset: return [-6]
        case .cpuOn: return invalidAddress.union([0, -2, -4, -5, -6]).union(version >= .v1_2 ? [-3] : [])
        case .migrate: return [0, -2, -3, -6, -7]
        case .nodeHWState: return [0, 1, 2, -2]
        case .psciSetSuspendMode: return [0, -2, -3]
        case .memProtect: return [0, 1]
        case .memProtectCheckRange: return [0, -3]
        case .affinityInfo: return [0, 1, 2, -2, -8]
        case .migrateInfoType: return [0, 1, 2]
        case .psciFeatures: return [0, 1, 2, 3, -1]
        case .systemReset2, .systemOff2: return [-2, -6]
        case .smcccVersion: return [0x1_0001]
        case .smcccArchFeatures: return [0, 1, -1, -2]
        case .smcccArchWorkaround1, .smcccArchWorkaround2, .smcccArchWorkaround3: return [0]
        case .trngVersion: return [0x1_0000]
        case .trngFeatures: return [0, -1]
        case .trngRND: return [0, -2, -3]
        default: return []
        }
    }

    /// Whether the call was answered as the document allows.
    private func isAllowed(_ passed: CallRegisters, _ result: CallResult, by policy: Policy) -> Bool {
        let id = passed.functionID
        let value = id.width.signed(result.registers.x0)
        guard let function = id.function, policy.capabilities.contains(function) else {
            return value == -1 && result.effect == .none
        }
        switch function {
        // All their values are numbers.
        case .trngGetUUID, .psciStatCount, .psciStatResidency, .migrateInfoUpCPU: break
        default: guard allowed(function, policy.version).contains(value) else { return false }
        }
        guard id.width == .smc64 || result.registers.x0 >> 32 == 0 else { return false }
        return switch result.effect {
        case .none: value != -6 || function == .cpuOn || function == .migrate
        case .standby, .powerDown: (function == .cpuSuspend || function == .cpuDefaultSuspend) && value == 0
        case .systemSuspend: function == .systemSuspend && value == 0
        case .turnOffCaller: function == .cpuOff || function == .cpuFreeze
        case .systemOff: function == .systemOff
        case .systemOff2: function == .systemOff2 && policy.version >= .v1_3
        case .systemReset: function == .systemReset
        case .systemReset2: function == .systemReset2 && policy.version >= .v1_1
        }
    }

    @Test(
        "Whatever a guest passes, it gets what the version allows, and effects only from the calls that have them",
        arguments: Version.allCases)
    func random(version: Version) throws {
        var generator = SplitMix64(state: UInt64(version.rawValue))
        func below(_ bound: UInt64) -> UInt64 { generator.next(upperBound: bound) }
        func word() -> UInt64 {
            switch below(7) {
            case 0: generator.next()
            case 1: 1 << below(64)
            case 2: TestMachine.ram.lowerBound
            case 3: 0x8400_0000 | below(0x60)
            case 4: below(4) << 24 | below(2) << 16 | below(2) << 30 | below(0x400)
            case 5: ~0 << below(64)
            default: below(5)
            }
        }
        for trustedOS in TrustedOS.allCases {
            for format in PowerStateFormat.allCases {
                let policy = Policy.test(
                    version: version, powerStateFormat: format, idleStates: .all, trustedOS: trustedOS)
                let machine = TestMachine(
                    affinities: (0..<4).map { Affinity(aff1: $0 / 2, aff0: $0 % 2) }, refusesEntryPoints: true,
                    withheld: [3], entropy: Array(repeating: 0, count: 100), idleStates: policy.idleStates)
                let firmware = Firmware(policy: policy, platform: machine)
                for _ in 0..<10_000 {
                    let number = below(0x60) | [0x8400_0000, 0xC400_0000, 0x8000_0000][Int(below(3))]
                    let passed = CallRegisters(
                        x0: below(2) == 0 ? number : word(), x1: word(), x2: word(), x3: word())
                    let result = firmware.call(passed, caller: Int(below(4)))
                    if below(2) == 0 { firmware.coreStarted(Int(below(4))) }
                    if below(2) == 0 { firmware.coreWoke(Int(below(4))) }
                    machine.wait(microseconds: below(1000))
                    try #require(
                        isAllowed(passed, result, by: policy), "\(CallDescription(passed, result: result))")
                }
            }
        }
    }
}

/// A small generator with a seed, so that a failure happens again.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
