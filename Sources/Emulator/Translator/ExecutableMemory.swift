// Memory for generated code: mapped twice, once to write and once to execute, never both at one address.

#if arch(x86_64)

import Glibc
import Hypervisor

/// One file of anonymous memory with two views.
///
/// Safe: the views are `byteCount` long and live as long as the object; the same offset is the same byte in both.
final class ExecutableMemory: @unchecked Sendable {
    /// Where code is written.
    let writable: UnsafeMutableRawPointer
    /// Where it is executed.
    let executable: UnsafeMutableRawPointer
    let byteCount: Int

    /// Reserves address space; pages take memory when they are written to. nil if the host refuses executable memory.
    init?(byteCount: Int) {
        guard let file = Self.anonymousFile() else { return nil }
        defer { close(file) }
        guard ftruncate(file, byteCount) == 0 else { return nil }
        let shared = MAP_SHARED | MAP_NORESERVE
        guard let writable = mmap(nil, byteCount, PROT_READ | PROT_WRITE, shared, file, 0), writable != MAP_FAILED
        else { return nil }
        guard let executable = mmap(nil, byteCount, PROT_READ | PROT_EXEC, shared, file, 0),
            executable != MAP_FAILED
        else {
            munmap(writable, byteCount)
            return nil
        }
        self.writable = writable
        self.executable = executable
        self.byteCount = byteCount
    }

    /// A file without a name, as memfd_create(2) makes it. The C library has the function, but Swift's import of it
    /// does not, since it is declared for GNU sources only.
    private static func anonymousFile() -> Int32? {
        typealias Create = @convention(c) (UnsafePointer<CChar>, UInt32) -> Int32
        guard let symbol = dlsym(nil, "memfd_create") else { return nil }
        // Safe: this is the function's signature in the manual.
        let create = unsafeBitCast(symbol, to: Create.self)
        let closeOnExec: UInt32 = 1
        let file = create("dormouse-code", closeOnExec)
        return file >= 0 ? file : nil
    }

    deinit {
        munmap(writable, byteCount)
        munmap(executable, byteCount)
    }

    /// Gives whole pages back to the host: they read as zero again.
    ///
    /// - Parameter range: in bytes from the start; multiples of 4 KiB within the memory.
    func empty(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "what is emptied is in the memory")
        // Of the file's, too, and so of both views.
        madvise(writable + range.lowerBound, range.count, MADV_REMOVE)
    }

    /// The address at which what is written at `pointer` is executed.
    func executableAddress(of pointer: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        executable + (pointer - writable)
    }
}

#endif
