// The first page of an image: what the kernel says about it, and about itself.
//
// Follows Linux's kernel/power/power.h (`struct swsusp_info`) and, for what arm64 puts over its beginning,
// arch/arm64/kernel/hibernate.c (`struct arch_hibernate_hdr`). arm64 keeps the kernel's build there but not its
// release; that one is in the image's memory, in the kernel's own `struct new_utsname` (include/uapi/linux/utsname.h).

import Bytes

/// What an image's first page says. Its numbers may be anything.
public struct ImageInformation: Sendable, Equatable {
    /// `uts.version`: the build, which has to be that of the kernel that resumes. "#1 SMP Debian 6.1.176-1
    /// (2026-07-02)"
    public let build: String
    /// The kernel's name, release and so on, if the page has them: arm64's has not.
    public let kernel: KernelName?
    /// `num_physpages`: the guest's memory, in pages.
    public let memoryPageCount: UInt64
    /// `cpus`. The kernels of today leave it 0.
    public let cpuCount: UInt32
    /// `image_pages`: how many pages of memory the image has.
    public let imagePageCount: UInt64
    /// `pages`: all pages of the image, this one and those that say where in memory each one goes included.
    public let pageCount: UInt64
    /// `size`: `pages` in bytes.
    public let byteCount: UInt64

    /// Offsets of the fields of `struct swsusp_info` on a 64-bit machine.
    private enum Field {
        static let memoryPageCount = 400
        static let cpuCount = 408
        static let imagePageCount = 416
        static let pageCount = 424
        static let byteCount = 432
    }

    init(page: [UInt8]) {
        kernel = KernelName(page, at: 0)
        build = kernel?.build ?? KernelName.text(page[..<KernelName.fieldByteCount])
        memoryPageCount = page.littleEndian(at: Field.memoryPageCount)
        cpuCount = page.littleEndian(at: Field.cpuCount)
        imagePageCount = page.littleEndian(at: Field.imagePageCount)
        pageCount = page.littleEndian(at: Field.pageCount)
        byteCount = page.littleEndian(at: Field.byteCount)
    }

    /// Whether the numbers fit each other: at least this page, one of places in memory and one of memory.
    func isConsistent(pageSize: Int) -> Bool {
        let (size, isTooMuch) = pageCount.multipliedReportingOverflow(by: UInt64(pageSize))
        return pageCount >= 3 && imagePageCount > 0 && imagePageCount <= pageCount - 2
            && imagePageCount <= memoryPageCount && !isTooMuch && size == byteCount
    }
}

/// A kernel as `uname` names it.
public struct KernelName: Sendable, Equatable {
    /// The name of the machine that it ran on.
    public let nodeName: String
    /// "7.3.4+deb13-cloud-arm64"
    public let release: String
    public let build: String
    /// "aarch64"
    public let machine: String

    /// Bytes of a field of `struct new_utsname`.
    static let fieldByteCount = 65
    private static let byteCount = 6 * fieldByteCount
    private static let systemName = Array("Linux\0".utf8)
    /// The kernel's own structure is the first of another one, which begins with a pointer's alignment.
    private static let alignment = 8

    /// The structure at `offset`; nil if none is there.
    init?(_ bytes: [UInt8], at offset: Int) {
        guard bytes.count - offset >= Self.byteCount, bytes[offset...].starts(with: Self.systemName) else {
            return nil
        }
        func field(_ number: Int) -> String {
            Self.text(bytes[(offset + number * Self.fieldByteCount)...].prefix(Self.fieldByteCount))
        }
        nodeName = field(1)
        release = field(2)
        build = field(3)
        machine = field(4)
    }

    /// Looks for the name of the kernel of `build` in the first `count` bytes of memory.
    static func find(build: String, in memory: [UInt8], count: Int) -> KernelName? {
        guard !build.isEmpty else { return nil }
        let bytes = memory.span
        for offset in stride(from: 0, to: count - byteCount + 1, by: alignment)
        where bytes[offset] == systemName[0] && bytes[offset + 1] == systemName[1] {
            if let name = KernelName(memory, at: offset), name.build == build, !name.release.isEmpty { return name }
        }
        return nil
    }

    /// The text of a field, to its first zero; what is not printable ASCII is a question mark.
    static func text(_ field: ArraySlice<UInt8>) -> String {
        let printable = UInt8(ascii: " ")...UInt8(ascii: "~")
        let bytes = field.prefix { $0 != 0 }.map { printable.contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes, as: UTF8.self)
    }
}
