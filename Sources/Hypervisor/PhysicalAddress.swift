// Guest physical addresses.

/// A guest physical address.
public typealias PhysicalAddress = UInt64

/// How far guest physical addresses go, in every model: FEAT_LPA is in none.
public enum PhysicalAddressSpace {
    public static let byteCount: UInt64 = 1 << 48
}
