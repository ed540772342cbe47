// A guest's memory and registers as a core file, for gdb and crash.
//
// Responsible for: the file's form: an ELF core of 64 bits with a note of registers for each CPU, and a segment for each
// range of RAM, at its physical address. Not responsible for: pausing the guest; what a debugger needs besides to know
// the guest's virtual addresses, which is the kernel's to tell.
//
// Follows the System V ABI, "ELF Header" and "Program Header"; Linux's include/uapi/linux/elfcore.h and
// arch/arm64/include/uapi/asm/ptrace.h for the notes; QEMU's dump-guest-memory for what is in which field.

import Bytes
import Glibc
import HostSupport
import Hypervisor

/// Why a dump was not made. The text is for the user, one line.
public struct MemoryDumpError: AttributedError {
    public var path: String
    public var errno: Int32

    public var isHosts: Bool { errno == ENOSPC || errno == EIO }

    public var description: String { "cannot write \(path): \(String(cString: strerror(errno)))" }
}

/// The headers of a core file.
struct MemoryDumpLayout {
    /// A CPU's registers, as `struct user_pt_regs` has them.
    struct Registers {
        /// X0 to X30, SP, PC and PSTATE.
        static let count = 34
        var values: [UInt64]
    }

    private enum Size {
        static let header = 64
        static let programHeader = 56
        /// `struct elf_prstatus`.
        static let status = 392
        static let page: UInt64 = 4096
    }

    /// Offsets in `struct elf_prstatus`.
    private enum Status {
        static let processID = 32
        static let registers = 112
    }

    private enum Value {
        static let core: UInt16 = 4
        static let aarch64: UInt16 = 183
        static let load: UInt32 = 1
        static let note: UInt32 = 4
        /// NT_PRSTATUS.
        static let status: UInt32 = 1
    }

    /// Everything before the first range of RAM.
    let headers: [UInt8]
    /// Where each range of RAM lies in the file.
    let offsets: [UInt64]
    let byteCount: UInt64

    init(cpus: [Registers], ram: [Range<PhysicalAddress>]) {
        var notes: [UInt8] = []
        for (index, registers) in cpus.enumerated() {
            var status = [UInt8](repeating: 0, count: Size.status)
            // A debugger takes it for a thread's number.
            status.replace(at: Status.processID, littleEndian: UInt32(index + 1))
            for (number, value) in registers.values.prefix(Registers.count).enumerated() {
                status.replace(at: Status.registers + 8 * number, littleEndian: value)
            }
            notes += Self.little(UInt32(5)) + Self.little(UInt32(Size.status)) + Self.little(Value.status)
            notes += Array("CORE\0\0\0\0".utf8) + status
        }
        let notesOffset = Size.header + Size.programHeader * (1 + ram.count)
        var end = (UInt64(notesOffset + notes.count) + Size.page - 1) / Size.page * Size.page
        var offsets: [UInt64] = []
        var table = Self.programHeader(
            Value.note, offset: UInt64(notesOffset), address: 0, byteCount: UInt64(notes.count), memory: 0)
        for range in ram {
            let count = range.upperBound - range.lowerBound
            table += Self.programHeader(
                Value.load, offset: end, address: range.lowerBound, byteCount: count, memory: count)
            offsets.append(end)
            end += count
        }
        var header: [UInt8] = [0x7F] + Array("ELF".utf8) + [2, 1, 1] + [UInt8](repeating: 0, count: 9)
        header += Self.little(Value.core) + Self.little(Value.aarch64) + Self.little(UInt32(1))
        header += Self.little(UInt64(0)) + Self.little(UInt64(Size.header)) + Self.little(UInt64(0))
        header += Self.little(UInt32(0)) + Self.little(UInt16(Size.header)) + Self.little(UInt16(Size.programHeader))
        header += Self.little(UInt16(1 + ram.count)) + [UInt8](repeating: 0, count: 6)
        headers = header + table + notes
        self.offsets = offsets
        byteCount = end
    }

    private static func programHeader(
        _ type: UInt32, offset: UInt64, address: UInt64, byteCount: UInt64, memory: UInt64
    ) -> [UInt8] {
        little(type) + little(UInt32(0)) + little(offset) + little(address) + little(address) + little(byteCount)
            + little(memory) + little(UInt64(0))
    }

    private static func little(_ value: some FixedWidthInteger) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: value.bitWidth / 8)
        bytes.replace(at: 0, littleEndian: value)
        return bytes
    }
}

extension VirtualMachine {
    private static let pieceByteCount: UInt64 = 1 << 20

    /// Writes what the guest has in its CPUs and its RAM to a file, as an ELF core. To be called while no CPU executes
    /// anything. What is zero takes no room on the host's disk.
    ///
    /// - Parameter path: is made, or overwritten.
    /// - Returns: the file's size in bytes.
    /// - Throws: `MemoryDumpError` if the file cannot be written whole.
    public func dumpMemory(to path: String) throws(MemoryDumpError) -> UInt64 {
        let layout = MemoryDumpLayout(cpus: cpus.map { MemoryDumpLayout.Registers($0) }, ram: memory.ram)
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o600)
        guard file >= 0 else { throw MemoryDumpError(path: path, errno: errno) }
        defer { Glibc.close(file) }
        // Safe: the pointer is the array's own, for as long as the call lasts.
        guard layout.headers.withUnsafeBytes({ pwrite(file, $0.baseAddress, $0.count, 0) }) == layout.headers.count,
            ftruncate(file, off_t(layout.byteCount)) == 0
        else { throw MemoryDumpError(path: path, errno: errno) }
        let zeros = [UInt8](repeating: 0, count: Int(Self.pieceByteCount))
        for (range, offset) in zip(memory.ram, layout.offsets) {
            var done: UInt64 = 0
            while done < range.upperBound - range.lowerBound {
                let count = min(Self.pieceByteCount, range.upperBound - range.lowerBound - done)
                // Safe: the range is RAM, and neither buffer is shorter.
                if let bytes = memory.contents(at: range.lowerBound + done, count: count),
                    memcmp(bytes, zeros, Int(count)) != 0
                {
                    var written = 0
                    while written < Int(count) {
                        let result = pwrite(
                            file, bytes + written, Int(count) - written, off_t(offset + done) + written)
                        guard result > 0 else { throw MemoryDumpError(path: path, errno: errno) }
                        written += result
                    }
                }
                done += count
            }
        }
        return layout.byteCount
    }
}

extension MemoryDumpLayout.Registers {
    fileprivate init(_ cpu: any VirtualCPU) {
        values = (0...30).map(cpu.register) + [cpu.stackPointer, cpu.programCounter, cpu.processorState]
    }
}
