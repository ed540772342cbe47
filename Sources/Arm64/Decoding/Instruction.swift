// Every instruction of the table, by the Arm ARM's section names (DDI 0487, C6.2 and C7.2).

/// An instruction encoding that the decoder tells apart.
public enum Instruction: UInt16, Sendable, CaseIterable {
    case unallocated

    // MARK: Data processing, immediate

    // MARK: Data processing, register

    // MARK: Branches, exception generation, system

    // MARK: Loads and stores

    // MARK: Exclusives and atomics

    // MARK: Vector loads and stores

    // MARK: Floating point

    // MARK: Advanced SIMD

    // MARK: Cryptography
}
