// The memory-mapped faces of the GIC: which access sizes reach which registers.
//
// IHI 0069, "Access to memory-mapped registers": words everywhere, doublewords where a 64-bit register or a pair of
// words is, bytes in the priority registers only. Everything else reads as zero and is ignored.

import Hypervisor

/// GICD_*.
final class GICDistributor: MMIODevice {
    private let core: GICCore

    init(core: GICCore) {
        self.core = core
    }

    func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        core.withState { state in
            switch RegisterAccess(offset: offset, size: size) {
            case .byte: UInt64(state.readDistributorByte(offset))
            case .word: UInt64(state.readDistributor(offset))
            case .doubleword:
                UInt64(state.readDistributor(offset)) | UInt64(state.readDistributor(offset + 4)) << 32
            case .unsupported: 0
            }
        }
    }

    func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        core.withState { state in
            switch RegisterAccess(offset: offset, size: size) {
            case .byte: state.writeDistributorByte(offset, UInt8(truncatingIfNeeded: value))
            case .word: state.writeDistributor(offset, UInt32(truncatingIfNeeded: value))
            case .doubleword:
                state.writeDistributor(offset, UInt32(truncatingIfNeeded: value))
                state.writeDistributor(offset + 4, UInt32(truncatingIfNeeded: value >> 32))
            case .unsupported: break
            }
        }
    }
}

/// GICR_* of all PEs.
final class GICRedistributors: MMIODevice {
    private let core: GICCore

    init(core: GICCore) {
        self.core = core
    }

    func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 {
        core.withState { state in
            switch RegisterAccess(offset: offset, size: size) {
            case .byte: UInt64(state.readRedistributorByte(offset))
            case .word: UInt64(state.readRedistributor(offset))
            case .doubleword:
                UInt64(state.readRedistributor(offset)) | UInt64(state.readRedistributor(offset + 4)) << 32
            case .unsupported: 0
            }
        }
    }

    func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {
        core.withState { state in
            switch RegisterAccess(offset: offset, size: size) {
            case .byte: state.writeRedistributorByte(offset, UInt8(truncatingIfNeeded: value))
            case .word: state.writeRedistributor(offset, UInt32(truncatingIfNeeded: value))
            case .doubleword:
                state.writeRedistributor(offset, UInt32(truncatingIfNeeded: value))
                state.writeRedistributor(offset + 4, UInt32(truncatingIfNeeded: value >> 32))
            case .unsupported: break
            }
        }
    }
}

/// The shape of an access, if registers can be accessed so.
private enum RegisterAccess {
    case byte
    case word
    case doubleword
    case unsupported

    init(offset: UInt64, size: Int) {
        switch size {
        case 1: self = .byte
        case 4 where offset % 4 == 0: self = .word
        case 8 where offset % 8 == 0: self = .doubleword
        default: self = .unsupported
        }
    }
}
