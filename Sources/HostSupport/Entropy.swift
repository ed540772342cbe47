// Where unpredictable bits come from.

import Glibc
import Synchronization

/// The host's generator.
public final class HostEntropy: Sendable {
    public init() {}

    public func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }

    /// The most that getentropy(3) gives at once.
    private static let maximumByteCount = 256

    /// In few system calls: a guest asks for as much as it likes.
    public func bytes(count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { buffer in
            var done = 0
            while done < count {
                let piece = min(Self.maximumByteCount, count - done)
                // Safe: the piece is in the buffer.
                if let base = buffer.baseAddress, getentropy(base + done, piece) == 0 {
                    done += piece
                } else {
                    // A host whose kernel does not have it; the standard library knows other ways.
                    buffer[done] = UInt8(truncatingIfNeeded: next())
                    done += 1
                }
            }
        }
        return bytes
    }
}

/// SplitMix64: the same bits for the same seed, for deterministic runs. Not for secrets.
public final class SeededEntropy: Sendable {
    private let state: Atomic<UInt64>

    public init(seed: UInt64) {
        state = Atomic(seed)
    }

    public func next() -> UInt64 {
        let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
        var value = state.wrappingAdd(increment, ordering: .relaxed).newValue
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
