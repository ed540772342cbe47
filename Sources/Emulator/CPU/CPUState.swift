// The state of one virtual CPU, as one block of raw memory with fixed offsets.
//
// Responsible for: the layout, and typed access to it. Interpreted and translated code share the block by offset, so
// nothing here is a Swift stored property. Not responsible for what the values mean.

import Arm64

/// A handle on a CPU's state block. Copying it copies the handle.
///
/// Safe: the block is `byteCount` bytes, allocated by `allocate` and owned by one `EmulatedCPU`, which outlives every
/// use of the handle; every offset below is a constant inside it, aligned for its type.
@frozen
public struct CPUState: @unchecked Sendable {
    public let base: UnsafeMutableRawPointer

    /// Register numbers of `Operation` beyond x0–x30.
    public enum Register {
        /// The stack pointer in use (SP_EL0 or SP_EL1, by PSTATE.SP).
        public static let sp: UInt8 = 31
        /// Always zero: XZR as a source.
        public static let zero: UInt8 = 32
        /// Never read: XZR as a destination.
        public static let sink: UInt8 = 33
        /// Temporaries of lowering, dead between guest instructions.
        public static let temporary0: UInt8 = 34
        public static let temporary1: UInt8 = 35
        public static let temporary2: UInt8 = 36
        public static let temporary3: UInt8 = 37
    }

    /// Byte offsets in the block.
    public enum Offset {
        /// 40 general registers of 8 bytes, numbered as in `Register`.
        public static let general = 0x000
        /// The program counter; up to date only between blocks and in slow paths.
        public static let pc = 0x140
        /// NZCV in bits 31:28 of a UInt32.
        public static let nzcv = 0x148
        public static let fpcr = 0x14C
        public static let fpsr = 0x150
        /// Non-zero when another thread, or a timer, wants the CPU's attention. Read between blocks.
        public static let request = 0x154
        /// UInt32: the level of the IRQ input.
        public static let interrupt = 0x158
        /// UInt32: NZCV as translated code keeps it while it runs: see `HostFlags`.
        public static let hostFlags = 0x15C
        /// Int64: guest instructions left before the next look at the clock.
        public static let slice = 0x160
        /// The software-TLB table that ordinary accesses use now.
        public static let dataTable = 0x168
        /// The block being executed.
        public static let block = 0x170
        /// The link slot of the branch just taken, if its target may be linked; else 0.
        public static let link = 0x178
        /// 36 vector registers of 16 bytes: v0–v31 and four that no guest has, for translated code.
        public static let vectors = 0x180
        /// What follows is for translated code. Virtual address of the page being executed.
        public static let pageOfPC = 0x3C0
        /// The jump cache in use.
        public static let jumpCache = 0x3C8
        /// The `EmulatedCPU`, for the helpers that translated code calls.
        public static let cpu = 0x3D0
        /// The operation at which the interpreter is to go on.
        public static let exitOperation = 0x3D8
        /// Where translated code left by a direct branch, in bytes from the start of the code memory; 0 if elsewhere.
        public static let exitLink = 0x3E0
        /// Where blocks are: see `CodeCache.base`.
        public static let codeBase = 0x3E8
        /// The software-TLB table of EL0, for LDTR and STTR.
        public static let userTable = 0x3F0
        /// UInt32: `TLBTable.indexMask` of `dataTable`.
        public static let dataMask = 0x3F8
        /// UInt32: the same of `userTable`.
        public static let userMask = 0x3FC
        /// System registers and the software TLB's pointers, from here on: see `CPUState+System`.
        public static let system = 0x400
        /// The instruction pages of the address space in use: see `TranslationContext`.
        public static let instructionPages = 0xFE8
        /// `KnownBlocks.base`.
        public static let knownBlocks = 0xFF0
        /// UInt64: not 0 if some slot of `recentPages` is in use.
        public static let recentPagesInUse = 0xFF8
        /// Where accesses in loops of translated code went last: see `RecentPages`.
        public static let recentPages = 0x1000
        /// Operands of translated code: see `VectorConstant`.
        public static let vectorConstants = 0x2000
        public static let byteCount = 0x2100
    }

    @inlinable
    public init(base: UnsafeMutableRawPointer) { self.base = base }

    /// A block of zeros.
    public static func allocate() -> CPUState {
        let base = UnsafeMutableRawPointer.allocate(byteCount: Offset.byteCount, alignment: 64)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: Offset.byteCount)
        return CPUState(base: base)
    }

    public func deallocate() {
        base.deallocate()
    }

    /// General registers, numbered as in `Register`.
    @inlinable @inline(__always)
    public var x: UnsafeMutablePointer<UInt64> {
        (base + Offset.general).assumingMemoryBound(to: UInt64.self)
    }

    @inlinable @inline(__always)
    public var pc: UInt64 {
        get { (base + Offset.pc).load(as: UInt64.self) }
        nonmutating set { (base + Offset.pc).storeBytes(of: newValue, as: UInt64.self) }
    }

    /// Guest instructions left before the next look at the clock.
    @inline(__always)
    var slice: Int {
        get { (base + Offset.slice).load(as: Int.self) }
        nonmutating set { (base + Offset.slice).storeBytes(of: newValue, as: Int.self) }
    }

    /// The software-TLB table that ordinary accesses use now.
    @inline(__always)
    var dataTable: UnsafeMutableRawPointer { (base + Offset.dataTable).load(as: UnsafeMutableRawPointer.self) }

    /// The entry of `dataTable` where `address` is or would be.
    @inline(__always)
    func dataEntry(of address: UInt64) -> UnsafeMutableRawPointer {
        let mask = (base + Offset.dataMask).load(as: UInt32.self)
        // The mask's bits are low ones: the upper half of the address does not matter.
        return dataTable + Int(UInt32(truncatingIfNeeded: address >> TLBGeometry.indexShift) & mask)
    }

    @inline(__always)
    func setDataTable(_ table: TLBTable) {
        (base + Offset.dataTable).storeBytes(of: table.base, as: UnsafeMutableRawPointer.self)
        (base + Offset.dataMask).storeBytes(of: table.indexMask, as: UInt32.self)
    }

    /// Sets the table of LDTR and STTR.
    func setUserTable(_ table: TLBTable) {
        (base + Offset.userTable).storeBytes(of: table.base, as: UnsafeMutableRawPointer.self)
        (base + Offset.userMask).storeBytes(of: table.indexMask, as: UInt32.self)
    }

    /// The base of the block being executed.
    @inline(__always)
    var block: UnsafeMutableRawPointer {
        get { (base + Offset.block).load(as: UnsafeMutableRawPointer.self) }
        nonmutating set { (base + Offset.block).storeBytes(of: newValue, as: UnsafeMutableRawPointer.self) }
    }

    /// Loads one of the state block's words.
    @inline(__always)
    func word(_ offset: Int) -> UInt64 { base.load(fromByteOffset: offset, as: UInt64.self) }

    @inline(__always)
    func setWord(_ offset: Int, _ value: UInt64) { base.storeBytes(of: value, toByteOffset: offset, as: UInt64.self) }

    /// The link slot of the branch just taken.
    @inline(__always)
    var link: UnsafeMutablePointer<Operation>? {
        get { (base + Offset.link).load(as: UnsafeMutablePointer<Operation>?.self) }
        nonmutating set { (base + Offset.link).storeBytes(of: newValue, as: UnsafeMutablePointer<Operation>?.self) }
    }

    /// N, Z, C, V in bits 31 to 28; the rest is zero.
    @inlinable @inline(__always)
    public var nzcv: UInt32 {
        get { (base + Offset.nzcv).load(as: UInt32.self) }
        nonmutating set { (base + Offset.nzcv).storeBytes(of: newValue, as: UInt32.self) }
    }

    /// FPCR: only AHP, DN, FZ, RMode and, on models that have it, FZ16 are ever non-zero.
    @inlinable @inline(__always)
    public var fpcr: UInt32 {
        get { (base + Offset.fpcr).load(as: UInt32.self) }
        nonmutating set { (base + Offset.fpcr).storeBytes(of: newValue, as: UInt32.self) }
    }

    /// FPSR: QC and the cumulative exception bits.
    @inlinable @inline(__always)
    public var fpsr: UInt32 {
        get { (base + Offset.fpsr).load(as: UInt32.self) }
        nonmutating set { (base + Offset.fpsr).storeBytes(of: newValue, as: UInt32.self) }
    }

    /// The 16 bytes of vector register `index`, 16-byte aligned; element 0 is at the lowest address.
    @inlinable @inline(__always)
    public func v(_ index: UInt8) -> UnsafeMutableRawPointer {
        base + (Offset.vectors &+ Int(index) &* 16)
    }

    /// The low 64 bits of vector register `index`.
    @inlinable @inline(__always)
    public func d(_ index: UInt8) -> UInt64 { v(index).load(as: UInt64.self) }

    /// Writes the low 64 bits of vector register `index` and clears the others.
    @inlinable @inline(__always)
    public func setD(_ index: UInt8, _ value: UInt64) {
        v(index).storeBytes(of: SIMD2(value, 0), as: SIMD2<UInt64>.self)
    }

    /// All 128 bits of vector register `index`; lane 0 is the low half.
    @inlinable @inline(__always)
    public func q(_ index: UInt8) -> SIMD2<UInt64> { v(index).load(as: SIMD2<UInt64>.self) }

    @inlinable @inline(__always)
    public func setQ(_ index: UInt8, _ value: SIMD2<UInt64>) {
        v(index).storeBytes(of: value, as: SIMD2<UInt64>.self)
    }
}
