// An address of a register and another one, extended or shifted, that lowering computes in a temporary first.
//
// Responsible for: recognizing the operations, so that the access computes the address itself. If the access has to be
// given to the interpreter, its slow path puts the address into the temporary.

#if arch(x86_64)

struct IndexedAddress {
    let base: UInt8
    let index: UInt8
    /// The option of the encoding: UXTW, SXTW, or neither.
    let option: UInt8
    let shift: UInt8

    static let unsignedWord: UInt8 = 2
    static let signedWord: UInt8 = 6

    /// The address that operations at a position of a block compute for the access after them, and how many operations
    /// they are; nil if they do something else.
    @inline(__always)
    static func find(at position: Int, in block: Block) -> (IndexedAddress, length: Int)? {
        let operation = block.operations[position]
        guard operation.d == CPUState.Register.temporary0 else { return nil }
        return find(operation, at: position, in: block)
    }

    private static func find(_ first: Operation, at position: Int, in block: Block) -> (IndexedAddress, length: Int)? {
        let temporary = CPUState.Register.temporary0
        // A block ends by a branch, so that there is something after an access.
        guard position + 2 < block.operationCount else { return nil }
        let second = block.operations[position + 1]
        switch first.code {
        case .addShifted64:
            guard first.m != temporary, isAccess(second) else { return nil }
            return (IndexedAddress(base: first.n, index: first.m, option: 3, shift: first.a), 1)
        case .extend where first.sub == unsignedWord || first.sub == signedWord:
            guard second.code == .add64, second.d == temporary, second.m == temporary, second.n != temporary,
                isAccess(block.operations[position + 2])
            else { return nil }
            return (IndexedAddress(base: second.n, index: first.m, option: first.sub, shift: first.a), 2)
        default: return nil
        }
    }

    /// Whether an operation is an access at the temporary.
    private static func isAccess(_ operation: Operation) -> Bool {
        let temporary = CPUState.Register.temporary0
        guard operation.n == temporary, operation.d != temporary, operation.immediate == 0 else { return false }
        switch operation.code {
        case .load8, .load16, .load32, .load64, .loadSigned8To64, .loadSigned8To32, .loadSigned16To64,
            .loadSigned16To32, .loadSigned32To64, .store8, .store16, .store32, .store64, .loadVector, .storeVector:
            return true
        default: return false
        }
    }
}

#endif
