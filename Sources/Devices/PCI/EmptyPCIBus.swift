// The configuration space of a PCI bus that nothing is on.
//
// PCI Local Bus Specification 3.0, section 3.2.2.3.4: a configuration read that no device answers is all ones, and a
// write is lost.

import Hypervisor

/// ECAM without a device behind it.
public final class EmptyPCIBus: MMIODevice {
    public init() {}

    public func read(offset: UInt64, size: Int, cpu: Int) -> UInt64 { size >= 8 ? .max : (1 << (UInt64(size) * 8)) - 1 }

    public func write(offset: UInt64, size: Int, value: UInt64, cpu: Int) {}
}
