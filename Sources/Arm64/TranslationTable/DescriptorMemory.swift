// What a translation table walk asks of memory.

/// Memory that holds translation tables. Addresses are guest physical, multiples of 8, and come from the guest: a
/// conforming type checks them.
public protocol DescriptorMemory {
    /// Loads the 64-bit little-endian descriptor at `address`, single-copy atomically; nil for an external abort.
    mutating func loadDescriptor(at address: UInt64) -> UInt64?

    /// Replaces the descriptor at `address` by `desired` if it still is `expected`, atomically; false if it is not,
    /// nil for an external abort.
    mutating func compareExchangeDescriptor(at address: UInt64, expected: UInt64, desired: UInt64) -> Bool?
}
