// A block: the operations of consecutive guest instructions, in raw memory.
//
// Responsible for: the layout of a block's header. Blocks are made by `BlockBuilder` and kept by `CodeCache`.

/// A handle on a block in the code cache.
///
/// Safe: blocks are never moved, and their memory is reused only after every CPU has let go of it (`CodeCache`).
struct Block {
    let base: UnsafeMutableRawPointer

    enum Offset {
        /// Guest physical address of the first instruction.
        static let physicalAddress = 0
        /// UInt32: 1 while the block may be entered, 0 after its page was written to.
        static let isValid = 8
        /// UInt16: guest instructions.
        static let instructionCount = 12
        /// UInt16: operations, links included.
        static let operationCount = 14
        /// UInt64: the host code that executes the block, or the translator's stub that leaves translated code; 0
        /// without a translator.
        static let hostCode = 16
        /// Int32: how often the block is still to be interpreted before it is worth translating.
        static let patience = 24
        static let operations = 32
    }

    @inline(__always)
    init(base: UnsafeMutableRawPointer) { self.base = base }

    @inline(__always)
    var operations: UnsafeMutablePointer<Operation> {
        (base + Offset.operations).assumingMemoryBound(to: Operation.self)
    }

    var physicalAddress: UInt64 { base.load(fromByteOffset: Offset.physicalAddress, as: UInt64.self) }

    /// Whether the block may be entered, at the mode that it was made for.
    @inline(__always)
    private(set) var isValid: Bool {
        get { base.load(fromByteOffset: Offset.isValid, as: UInt32.self) != 0 }
        nonmutating set { base.storeBytes(of: newValue ? 1 : 0, toByteOffset: Offset.isValid, as: UInt32.self) }
    }

    /// - Parameter exit: what `hostCode` becomes, so that translated code does not enter the block any more.
    func invalidate(exit: UInt64) {
        isValid = false
        hostCode = exit
    }

    @inline(__always)
    var hostCode: UInt64 {
        get { base.load(fromByteOffset: Offset.hostCode, as: UInt64.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: Offset.hostCode, as: UInt64.self) }
    }

    @inline(__always)
    var patience: Int32 {
        get { base.load(fromByteOffset: Offset.patience, as: Int32.self) }
        nonmutating set { base.storeBytes(of: newValue, toByteOffset: Offset.patience, as: Int32.self) }
    }

    var instructionCount: Int { Int(base.load(fromByteOffset: Offset.instructionCount, as: UInt16.self)) }
    var operationCount: Int { Int(base.load(fromByteOffset: Offset.operationCount, as: UInt16.self)) }

    /// Fills in a new block's header and operations; `base` has room for `byteCount(of:)`.
    func initialize(
        physicalAddress: UInt64, instructionCount: Int, operations: [Operation], hostCode: UInt64,
        patience: Int32
    ) {
        self.hostCode = hostCode
        self.patience = patience
        base.storeBytes(of: physicalAddress, toByteOffset: Offset.physicalAddress, as: UInt64.self)
        isValid = true
        base.storeBytes(of: UInt16(instructionCount), toByteOffset: Offset.instructionCount, as: UInt16.self)
        base.storeBytes(of: UInt16(operations.count), toByteOffset: Offset.operationCount, as: UInt16.self)
        operations.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(start: base + Offset.operations, count: source.count).copyMemory(from: source)
        }
    }

    /// Bytes that a block of `count` operations takes.
    static func byteCount(ofOperations count: Int) -> Int {
        Offset.operations + count * MemoryLayout<Operation>.size
    }

    /// The number of the guest instruction in the block, from 0, that the operation at `pointer` belongs to.
    func instructionIndex(of pointer: UnsafeMutablePointer<Operation>) -> Int {
        var index = -1
        var operation = operations
        while operation <= pointer {
            index += Int(operation.pointee.advance)
            operation += 1
        }
        return index
    }
}
