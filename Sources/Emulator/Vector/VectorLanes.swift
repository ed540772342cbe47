// Vector registers as lanes: which types divide a register how, and how lanes are read, collected and stored.
//
// Loops over lanes have constant bounds, no branches in their bodies, and collect their results in a local block that
// nothing else can refer to. That is what lets the optimiser turn each into a few host vector instructions.

/// The element types of one signedness, by size.
protocol LaneFamily {
    associatedtype Byte: FixedWidthInteger
    associatedtype Halfword: FixedWidthInteger
    associatedtype Word: FixedWidthInteger
    associatedtype Doubleword: FixedWidthInteger
}

/// Elements without a sign.
enum Unsigned: LaneFamily {
    typealias Byte = UInt8
    typealias Halfword = UInt16
    typealias Word = UInt32
    typealias Doubleword = UInt64
}

/// Two's complement elements.
enum Signed: LaneFamily {
    typealias Byte = Int8
    typealias Halfword = Int16
    typealias Word = Int32
    typealias Doubleword = Int64
}

extension FixedWidthInteger {
    /// How many lanes of this type a register has.
    @inline(__always)
    static var laneCount: Int { MemoryLayout<SIMD2<UInt64>>.size / MemoryLayout<Self>.size }
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
    /// Safe: callers count lanes up to `laneCount`, or have the number of an element from a field of the instruction
    /// that cannot name one beyond the register's end.
    @inline(__always)
    func element<Element: FixedWidthInteger>(
        _ index: UInt8, _ element: Int, as _: Element.Type = Element.self
    ) -> Element {
        v(index).load(fromByteOffset: element &* MemoryLayout<Element>.size, as: Element.self)
    }

    /// Writes element `element` of vector register `index`.
    ///
    /// Safe: as for `element`.
    @inline(__always)
    func setElement<Element: FixedWidthInteger>(_ index: UInt8, _ element: Int, _ value: Element) {
        v(index).storeBytes(of: value, toByteOffset: element &* MemoryLayout<Element>.size, as: Element.self)
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

/// 16 bytes that lanes are collected in.
///
/// Safe: it refers to a local variable of `collect`, for the length of a closure; callers count up to `laneCount`.
struct LaneCollector {
    fileprivate let base: UnsafeMutableRawPointer

    /// Makes `value` the lane with number `lane`.
    @inline(__always)
    func set<Lane: FixedWidthInteger>(_ lane: Int, _ value: Lane) {
        base.storeBytes(of: value, toByteOffset: lane &* MemoryLayout<Lane>.size, as: Lane.self)
    }

    /// The bits of the lanes that `body` sets; the others are zero.
    @inline(__always)
    static func collect(_ body: (LaneCollector) -> Void) -> SIMD2<UInt64> {
        var bits = SIMD2<UInt64>()
        withUnsafeMutableBytes(of: &bits) { bytes in
            // An address is nil for an empty buffer only.
            if let base = bytes.baseAddress { body(LaneCollector(base: base)) }
        }
        return bits
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
