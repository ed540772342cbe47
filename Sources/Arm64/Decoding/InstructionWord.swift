// The fields that A64 encodings share, by the Arm ARM's names. Fields of one encoding group only are extracted where
// that group is lowered.

/// Field access for an instruction word.
extension UInt32 {
    /// Bits `high` down to `low`, as an unsigned number.
    @inlinable @inline(__always)
    public func bits(_ high: UInt32, _ low: UInt32) -> UInt32 {
        (self >> low) & ((2 &<< (high &- low)) &- 1)
    }

    /// Bit `index`.
    @inlinable @inline(__always)
    public func bit(_ index: UInt32) -> Bool {
        self >> index & 1 != 0
    }

    /// Bits `high` down to `low`, as a two's complement number.
    @inlinable @inline(__always)
    public func signedBits(_ high: UInt32, _ low: UInt32) -> Int64 {
        Int64(Int32(bitPattern: self << (31 &- high)) >> Int32(31 &- high &+ low))
    }

    /// Rd and Rt: bits 4:0.
    @inlinable @inline(__always)
    public var rd: UInt8 { UInt8(truncatingIfNeeded: self & 31) }
    /// Rn: bits 9:5.
    @inlinable @inline(__always)
    public var rn: UInt8 { UInt8(truncatingIfNeeded: self >> 5 & 31) }
    /// Ra and Rt2: bits 14:10.
    @inlinable @inline(__always)
    public var ra: UInt8 { UInt8(truncatingIfNeeded: self >> 10 & 31) }
    /// Rm and Rs: bits 20:16.
    @inlinable @inline(__always)
    public var rm: UInt8 { UInt8(truncatingIfNeeded: self >> 16 & 31) }
}
