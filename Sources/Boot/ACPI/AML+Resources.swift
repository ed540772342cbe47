// Resource descriptors: what a device's _CRS says. ACPI 6.5, section 6.4.

import Bytes
import Hypervisor

extension AML {
    /// One resource.
    package enum Resource {
        /// Registers below 4 GiB, of this device alone.
        case memory(Range<PhysicalAddress>)
        /// An interrupt that is level-triggered, active high and of this device alone.
        case interrupt(BoardDescription.Interrupt)
        /// What the architecture defines, by a number of its own.
        case fixedHardware(UInt64)
        /// A register that is not there.
        case noRegister

        fileprivate var bytes: [UInt8] {
            // Section 6.4.3.7: generic register.
            let register: [UInt8] = [0x82] + UInt16(12).littleEndianBytes
            switch self {
            case .fixedHardware(let number):
                let functionalFixedHardware: UInt8 = 0x7F
                let doubleWordAccess: UInt8 = 3
                return register + [functionalFixedHardware, 32, 0, doubleWordAccess] + number.littleEndianBytes
            case .noRegister:
                return register + [UInt8](repeating: 0, count: 12)
            case .memory(let range):
                // Section 6.4.3.4: 32-bit fixed memory range.
                let writable: UInt8 = 1
                return [0x86] + UInt16(9).littleEndianBytes + [writable]
                    + UInt32(truncatingIfNeeded: range.lowerBound).littleEndianBytes
                    + UInt32(truncatingIfNeeded: range.upperBound - range.lowerBound).littleEndianBytes
            case .interrupt(let interrupt):
                // Section 6.4.3.6: extended interrupt. All other flags are zero for level, active high, exclusive.
                let consumer: UInt8 = 1
                return [0x89] + UInt16(6).littleEndianBytes + [consumer, 1] + interrupt.gsi.littleEndianBytes
            }
        }
    }

    /// _CRS.
    package static func resources(_ resources: Resource...) -> AML { .name("_CRS", resourceTemplate(resources)) }

    package static func resourceTemplate(_ resources: Resource...) -> AML { resourceTemplate(resources) }

    private static func resourceTemplate(_ resources: [Resource]) -> AML {
        // Section 6.4.2.9: the end tag, whose checksum of zero counts as right.
        let endTag: [UInt8] = [0x79, 0]
        return .buffer(resources.flatMap(\.bytes) + endTag)
    }
}
