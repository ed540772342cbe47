// Where unpredictable bits come from.

import Hypervisor
import Synchronization

/// The host's generator.
final class HostEntropy: EntropySource {
    func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}

/// SplitMix64: the same bits for the same seed, for deterministic runs. Not for secrets.
final class SeededEntropy: EntropySource {
    private let state: Atomic<UInt64>

    init(seed: UInt64) {
        state = Atomic(seed)
    }

    func next() -> UInt64 {
        let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
        var value = state.wrappingAdd(increment, ordering: .relaxed).newValue
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
