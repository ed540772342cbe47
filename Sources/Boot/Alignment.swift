// Rounding up to powers of two.

extension BinaryInteger {
    /// The next multiple of `alignment`, which is a power of two. The sum must be representable.
    func roundedUp(to alignment: Self) -> Self {
        (self + alignment - 1) & ~(alignment - 1)
    }
}
