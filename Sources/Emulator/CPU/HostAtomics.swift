// Atomic operations of the host on guest memory.
//
// Safe: every pointer is to guest memory, aligned to its size (callers check), and `Atomic<T>` has T's layout. Guest
// CPUs share memory with each other and with devices through single host accesses of the size that the guest uses.

import Synchronization

/// An integer that the host can operate on atomically, at 1, 2, 4 and 8 bytes.
protocol HostAtomicInteger: FixedWidthInteger & AtomicRepresentable & UnsignedInteger {
    associatedtype SignedForm: FixedWidthInteger & SignedInteger
    static func load(_ pointer: UnsafeMutableRawPointer) -> Self
    static func store(_ value: Self, _ pointer: UnsafeMutableRawPointer)
    static func exchange(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self
    static func compareExchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self) -> Self
    static func add(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self
    static func or(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self
    static func and(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self
    static func xor(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self
}

extension UInt8: HostAtomicInteger {
    typealias SignedForm = Int8

    @inline(__always)
    private static func atomic(_ pointer: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<Self>> {
        pointer.assumingMemoryBound(to: Atomic<Self>.self)
    }
    @inline(__always)
    static func load(_ pointer: UnsafeMutableRawPointer) -> Self {
        atomic(pointer).pointee.load(ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func store(_ value: Self, _ pointer: UnsafeMutableRawPointer) {
        atomic(pointer).pointee.store(value, ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func exchange(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.exchange(value, ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func compareExchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self) -> Self {
        atomic(pointer).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent
        ).original
    }
    @inline(__always)
    static func add(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.wrappingAdd(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func or(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseOr(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func and(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseAnd(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func xor(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseXor(value, ordering: .sequentiallyConsistent).oldValue
    }
}

extension UInt16: HostAtomicInteger {
    typealias SignedForm = Int16

    @inline(__always)
    private static func atomic(_ pointer: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<Self>> {
        pointer.assumingMemoryBound(to: Atomic<Self>.self)
    }
    @inline(__always)
    static func load(_ pointer: UnsafeMutableRawPointer) -> Self {
        atomic(pointer).pointee.load(ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func store(_ value: Self, _ pointer: UnsafeMutableRawPointer) {
        atomic(pointer).pointee.store(value, ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func exchange(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.exchange(value, ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func compareExchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self) -> Self {
        atomic(pointer).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent
        ).original
    }
    @inline(__always)
    static func add(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.wrappingAdd(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func or(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseOr(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func and(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseAnd(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func xor(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseXor(value, ordering: .sequentiallyConsistent).oldValue
    }
}

extension UInt32: HostAtomicInteger {
    typealias SignedForm = Int32

    @inline(__always)
    private static func atomic(_ pointer: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<Self>> {
        pointer.assumingMemoryBound(to: Atomic<Self>.self)
    }
    @inline(__always)
    static func load(_ pointer: UnsafeMutableRawPointer) -> Self {
        atomic(pointer).pointee.load(ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func store(_ value: Self, _ pointer: UnsafeMutableRawPointer) {
        atomic(pointer).pointee.store(value, ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func exchange(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.exchange(value, ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func compareExchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self) -> Self {
        atomic(pointer).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent
        ).original
    }
    @inline(__always)
    static func add(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.wrappingAdd(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func or(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseOr(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func and(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseAnd(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func xor(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseXor(value, ordering: .sequentiallyConsistent).oldValue
    }
}

extension UInt64: HostAtomicInteger {
    typealias SignedForm = Int64

    @inline(__always)
    private static func atomic(_ pointer: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<Self>> {
        pointer.assumingMemoryBound(to: Atomic<Self>.self)
    }
    @inline(__always)
    static func load(_ pointer: UnsafeMutableRawPointer) -> Self {
        atomic(pointer).pointee.load(ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func store(_ value: Self, _ pointer: UnsafeMutableRawPointer) {
        atomic(pointer).pointee.store(value, ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func exchange(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.exchange(value, ordering: .sequentiallyConsistent)
    }
    @inline(__always)
    static func compareExchange(_ pointer: UnsafeMutableRawPointer, _ expected: Self, _ desired: Self) -> Self {
        atomic(pointer).pointee.compareExchange(
            expected: expected, desired: desired, ordering: .sequentiallyConsistent
        ).original
    }
    @inline(__always)
    static func add(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.wrappingAdd(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func or(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseOr(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func and(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseAnd(value, ordering: .sequentiallyConsistent).oldValue
    }
    @inline(__always)
    static func xor(_ pointer: UnsafeMutableRawPointer, _ value: Self) -> Self {
        atomic(pointer).pointee.bitwiseXor(value, ordering: .sequentiallyConsistent).oldValue
    }
}

/// Atomic accesses by integer type, and to pairs.
enum HostAtomics {
    @inline(__always)
    static func load<T: HostAtomicInteger>(_ pointer: UnsafeMutableRawPointer, as type: T.Type) -> T {
        T.load(pointer)
    }

    /// Stores `desired` if the value is `expected`; returns the value before.
    @inline(__always)
    static func compareExchange<T: HostAtomicInteger>(
        _ pointer: UnsafeMutableRawPointer, expected: T, desired: T
    ) -> T {
        T.compareExchange(pointer, expected, desired)
    }

    /// Two doublewords, 16-byte aligned, as one.
    static func compareExchangePair(
        _ pointer: UnsafeMutableRawPointer, expected: (UInt64, UInt64), desired: (UInt64, UInt64)
    ) -> (UInt64, UInt64) {
        let original = pointer.assumingMemoryBound(to: Atomic<WordPair>.self).pointee.compareExchange(
            expected: WordPair(first: UInt(expected.0), second: UInt(expected.1)),
            desired: WordPair(first: UInt(desired.0), second: UInt(desired.1)), ordering: .sequentiallyConsistent
        ).original
        return (UInt64(original.first), UInt64(original.second))
    }

    static func loadPair(_ pointer: UnsafeMutableRawPointer) -> (UInt64, UInt64) {
        let pair = pointer.assumingMemoryBound(to: Atomic<WordPair>.self).pointee.load(
            ordering: .sequentiallyConsistent)
        return (UInt64(pair.first), UInt64(pair.second))
    }
}
