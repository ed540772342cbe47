// Vector registers as Swift SIMD values: which types divide a register how, and how they are loaded and stored.
//
// Loops over lanes here and in the lane operations have constant bounds and no branches in their bodies, because that
// is what lets the optimiser turn each into a few host vector instructions.

/// The vector types of one signedness: 128 bits of bytes, halfwords, words and doublewords, and the 64-bit halves
/// that long operations start from.
protocol LaneFamily {
    associatedtype Bytes: SIMD where Bytes.Scalar: FixedWidthInteger
    associatedtype Halfwords: SIMD where Halfwords.Scalar: FixedWidthInteger
    associatedtype Words: SIMD where Words.Scalar: FixedWidthInteger
    associatedtype Doublewords: SIMD where Doublewords.Scalar: FixedWidthInteger
    associatedtype HalfOfBytes: SIMD where HalfOfBytes.Scalar: FixedWidthInteger
    associatedtype HalfOfHalfwords: SIMD where HalfOfHalfwords.Scalar: FixedWidthInteger
    associatedtype HalfOfWords: SIMD where HalfOfWords.Scalar: FixedWidthInteger
}

/// Elements without a sign.
enum Unsigned: LaneFamily {
    typealias Bytes = SIMD16<UInt8>
    typealias Halfwords = SIMD8<UInt16>
    typealias Words = SIMD4<UInt32>
    typealias Doublewords = SIMD2<UInt64>
    typealias HalfOfBytes = SIMD8<UInt8>
    typealias HalfOfHalfwords = SIMD4<UInt16>
    typealias HalfOfWords = SIMD2<UInt32>
}

/// Two's complement elements.
enum Signed: LaneFamily {
    typealias Bytes = SIMD16<Int8>
    typealias Halfwords = SIMD8<Int16>
    typealias Words = SIMD4<Int32>
    typealias Doublewords = SIMD2<Int64>
    typealias HalfOfBytes = SIMD8<Int8>
    typealias HalfOfHalfwords = SIMD4<Int16>
    typealias HalfOfWords = SIMD2<Int32>
}

extension VectorShape {
    /// Ones in the bits of the destination that the operation computes; it clears the others.
    @inline(__always)
    var computedBits: SIMD2<UInt64> {
        SIMD2(isScalar ? .max &>> (64 &- elementBits) : .max, isQ ? .max : 0)
    }

    /// Bits of an element.
    @inline(__always)
    var elementBits: UInt64 { 8 &<< UInt64(size) }

    /// The shape of the result of a long operation, whose sources this is the shape of.
    @inline(__always)
    var widened: VectorShape {
        VectorShape(size: UInt32(size) &+ 1, q: !isScalar, scalar: isScalar)
    }
}

extension CPUState {
    /// FPSR.QC: some saturating instruction has saturated since the guest cleared it.
    private static let cumulativeSaturation: UInt32 = 1 << 27

    func setCumulativeSaturation() {
        fpsr |= Self.cumulativeSaturation
    }

    /// The bits of vector register `index`, from byte `offset` on, as lanes of `Lanes`.
    ///
    /// Safe: `index` is a register number and `offset` plus the size of `Lanes` at most 16, so this stays inside the
    /// state block; SIMD types of integers accept any bits.
    @inline(__always)
    func lanes<Lanes: SIMD>(_ index: UInt8, offset: Int = 0, as _: Lanes.Type = Lanes.self) -> Lanes {
        (v(index) + offset).load(as: Lanes.self)
    }

    /// Element `element` of vector register `index`.
    ///
    /// Safe: lowering takes the number of an element from a field that cannot name one beyond the register's end.
    @inline(__always)
    func element<Element: FixedWidthInteger>(
        _ index: UInt8, _ element: UInt8, as _: Element.Type = Element.self
    ) -> Element {
        (v(index) + Int(element) &* MemoryLayout<Element>.size).load(as: Element.self)
    }

    /// Writes element `element` of vector register `index`.
    ///
    /// Safe: as for `element`.
    @inline(__always)
    func setElement<Element: FixedWidthInteger>(_ index: UInt8, _ element: UInt8, _ value: Element) {
        (v(index) + Int(element) &* MemoryLayout<Element>.size).storeBytes(of: value, as: Element.self)
    }

    /// Writes the part of `value` that `shape` computes to vector register `index` and clears the rest.
    @inline(__always)
    func setLanes<Lanes: SIMD>(_ index: UInt8, _ value: Lanes, _ shape: VectorShape) {
        let bits = unsafeBitCast(value, to: SIMD2<UInt64>.self)
        if shape.isQ {
            setQ(index, bits)
        } else {
            setD(index, bits[0] & shape.computedBits[0])
        }
    }
}

extension SIMD where Scalar: FixedWidthInteger {
    /// Every lane, extended by its sign or with zeros.
    @inline(__always)
    func widened<Wide: SIMD>(to _: Wide.Type = Wide.self) -> Wide where Wide.Scalar: FixedWidthInteger {
        var result = Wide()
        for lane in 0..<Self.scalarCount { result[lane] = Wide.Scalar(truncatingIfNeeded: self[lane]) }
        return result
    }

    /// The low half of every lane.
    @inline(__always)
    func narrowed<Narrow: SIMD>(to _: Narrow.Type = Narrow.self) -> Narrow where Narrow.Scalar: FixedWidthInteger {
        var result = Narrow()
        for lane in 0..<Self.scalarCount { result[lane] = Narrow.Scalar(truncatingIfNeeded: self[lane]) }
        return result
    }
}

/// All ones if `condition` holds, else zero; without a branch.
@inline(__always)
func mask<Lane: FixedWidthInteger>(_ condition: Bool, _: Lane.Type = Lane.self) -> Lane {
    0 &- (condition ? 1 : 0)
}

/// `first` if `condition` holds, else `second`; without a branch.
@inline(__always)
func select<Lane: FixedWidthInteger>(_ condition: Bool, _ first: Lane, _ second: Lane) -> Lane {
    let chosen: Lane = mask(condition)
    return first & chosen | second & ~chosen
}
