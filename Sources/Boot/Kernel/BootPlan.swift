// Where everything that a guest starts from goes in its RAM.
//
// Responsible for: placing kernel, device tree and initrd, and saying how much memory is missing if they do not fit.
// What firmware leaves beside them is in BootPlan+Tables.swift.
// A pure function of sizes and the board; it reads no file and writes no memory. For Linux it follows
// Documentation/arch/arm64/booting.rst. Not responsible for: CPU state beyond the entry point and x0.

import Hypervisor

/// Why a guest cannot be started with the RAM that it has.
public enum BootPlanError: Error, Equatable, CustomStringConvertible {
    /// Kernel, device tree and initrd do not fit.
    case notEnoughMemory(available: UInt64, needed: UInt64)
    /// UEFI needs more than the machine has.
    case notEnoughMemoryForUEFI(available: UInt64)
    /// The kernel and what goes with it would end beyond the address space.
    case sizesOutOfRange
    /// More than Linux reads.
    case commandLineTooLong(byteCount: Int, limit: Int)
    /// The board has no RAM, or its RAM does not start where this needs it.
    case unusableMemory
    /// A program is linked for addresses that are no RAM.
    case programOutsideMemory(Range<PhysicalAddress>, ram: Range<PhysicalAddress>)
    case deviceTree(DeviceTreeError)
    /// Flat code cannot be told of a machine by ACPI.
    case flatImageWithACPI
    /// More ACPI or EFI tables than there is room for.
    case tablesTooLarge(byteCount: Int)

    public var description: String {
        switch self {
        case .notEnoughMemory(let available, let needed):
            "\(available >> 20) MiB of memory are too little: kernel, device tree and initrd alone need "
                + "\((needed - 1) >> 20 + 1) MiB; give more"
        case .notEnoughMemoryForUEFI(let available):
            "\(available >> 20) MiB of memory are too little: UEFI needs \(BootPlan.leastMemoryForUEFI >> 20) MiB; "
                + "give more"
        case .sizesOutOfRange:
            "the kernel's header or the initrd asks for more memory than there are addresses; fetch the files again"
        case .commandLineTooLong(let byteCount, let limit):
            "the kernel command line has \(byteCount) bytes and Linux reads only \(limit); shorten it"
        case .unusableMemory:
            "the board needs RAM that starts at a multiple of 2 MiB"
        case .programOutsideMemory(let program, let ram):
            "the program is linked for 0x\(String(program.lowerBound, radix: 16)) to "
                + "0x\(String(program.upperBound, radix: 16)), and RAM is at 0x\(String(ram.lowerBound, radix: 16)) to "
                + "0x\(String(ram.upperBound, radix: 16)); link it for that, or give more memory"
        case .deviceTree(let error):
            error.description
        case .flatImageWithACPI:
            "flat code finds its machine in a device tree only; leave ACPI out, or give an arm64 Linux Image"
        case .tablesTooLarge(let byteCount):
            "the board's ACPI tables have \(byteCount) bytes and there is no room for them; describe fewer devices"
        }
    }
}

/// What to put where in RAM, and how to start.
public struct BootPlan: Sendable, Equatable {
    /// What is put somewhere.
    public enum Content: Sendable, Equatable {
        /// The kernel's file.
        case kernel
        /// The initrd's file.
        case initrd
        /// These bytes: the flattened device tree.
        case deviceTree([UInt8])
        /// These bytes: ACPI's and EFI's tables, or a generation id.
        case table([UInt8])
    }

    /// One thing to put into RAM.
    public struct Placement: Sendable, Equatable {
        public let content: Content
        /// Where its bytes go; as long as the file or the tree.
        public let range: Range<PhysicalAddress>
    }

    /// In ascending order, without overlap, all inside the RAM.
    public let placements: [Placement]
    /// Where the first CPU starts.
    public let entry: PhysicalAddress
    /// The first CPU's X0: where the device tree lies. X1 to X3 are zero.
    public let x0: UInt64

    /// The longest command line that an arm64 Linux reads, without its NUL: COMMAND_LINE_SIZE is 2048.
    public static let maximumCommandLineByteCount = 2047
    /// Bytes from the start of RAM to a flat image, where widely known bare-metal code expects to be.
    public static let flatImageOffset: UInt64 = 0x8_0000

    private static let blockSize: UInt64 = 2 << 20
    private static let pageSize: UInt64 = 4 << 10

    /// Plans the start of an arm64 Linux.
    ///
    /// The kernel goes as low as it may, because before Linux 4.6 it could not use memory below itself. The device
    /// tree follows in a 2 MiB block of its own, since the kernel maps it by such blocks; then the initrd. So
    /// everything lies together, within the 1 GiB-aligned window of 32 GiB that an initrd has to share with the
    /// kernel, and still there if the command line limits memory with `mem=`.
    ///
    /// - Parameters:
    ///   - header: the kernel's.
    ///   - kernelByteCount: of the kernel's file.
    ///   - initrdByteCount: of the initrd's file; nil if there is none.
    ///   - board: everything but where the initrd is. The first RAM range is used.
    public static func linux(
        _ header: LinuxImageHeader, kernelByteCount: UInt64, initrdByteCount: UInt64?, board: BoardDescription
    ) throws(BootPlanError) -> BootPlan {
        let commandLineByteCount = board.chosen.bootArguments.utf8.count
        guard commandLineByteCount <= maximumCommandLineByteCount else {
            throw .commandLineTooLong(byteCount: commandLineByteCount, limit: maximumCommandLineByteCount)
        }
        var layout = try Layout(ram: board.memory.first, keptAtEnd: tableByteCount(board))
        let kernel = try layout.place(byteCount: kernelByteCount, atOffset: header.textOffset)
        if let imageSize = header.imageSize {
            try layout.keepFree(byteCount: imageSize, from: kernel.lowerBound)
        } else {
            layout.keepFree(untilOffset: min(layout.byteCount / 2, legacyKernelSpace))
        }
        let treeSlot = try layout.place(byteCount: UInt64(DeviceTree.maximumByteCount))
        var board = board
        if let initrdByteCount {
            board.chosen.initrd = try layout.place(byteCount: initrdByteCount)
        }
        try layout.check()

        let (description, tables) = try describe(board, treeSlot: treeSlot)
        let tree = try flattened(description)
        var placements = [
            Placement(content: .kernel, range: kernel),
            Placement(
                content: .deviceTree(tree),
                range: treeSlot.lowerBound..<treeSlot.lowerBound + UInt64(tree.count)),
        ]
        if let initrd = board.chosen.initrd {
            placements.append(Placement(content: .initrd, range: initrd))
        }
        placements += tables
        return BootPlan(placements: placements, entry: kernel.lowerBound, x0: treeSlot.lowerBound)
    }

    /// Plans the start of a flat bare-metal image: no header, loaded and entered at `flatImageOffset`.
    ///
    /// The device tree lies above the image, as far as programs for other `virt` boards expect it: a flat image says
    /// nothing of the bss and the stack behind its own bytes.
    public static func flatImage(byteCount: UInt64, board: BoardDescription) throws(BootPlanError) -> BootPlan {
        guard board.acpi == nil else { throw .flatImageWithACPI }
        let tableByteCount = tableByteCount(board)
        var layout = try Layout(ram: board.memory.first, keptAtEnd: tableByteCount)
        let image = try layout.place(byteCount: byteCount, atOffset: flatImageOffset)
        // Where the tree goes depends on its size; only a tree for ACPI would tell of its own place.
        let (description, tables) = try describe(board, treeSlot: layout.base..<image.lowerBound)
        let tree = try flattened(description)
        let treeRange = try layout.placeTree(byteCount: UInt64(tree.count))
        try layout.check()
        return BootPlan(
            placements: [
                Placement(content: .kernel, range: image),
                Placement(content: .deviceTree(tree), range: treeRange),
            ] + tables,
            entry: image.lowerBound, x0: treeRange.lowerBound)
    }

    /// Plans the start of a program in an ELF file.
    ///
    /// It lies where it is linked for, or if that is anywhere, where flat code does. The device tree is at the start of
    /// RAM, where programs for other `virt` boards look for it, if the program leaves room there; otherwise above it.
    package static func program(_ elf: ELFImage, board: BoardDescription) throws(BootPlanError) -> BootPlan {
        guard board.acpi == nil else { throw .flatImageWithACPI }
        var layout = try Layout(ram: board.memory.first, keptAtEnd: tableByteCount(board))
        let addresses = elf.addresses
        let start = layout.base &+ flatImageOffset &+ addresses.lowerBound % flatImageOffset
        // Modulo 2^64, as addresses are: a program that can be anywhere may be linked for any.
        let shift = elf.isPositionIndependent ? start &- addresses.lowerBound : 0
        let (first, byteCount) = (addresses.lowerBound &+ shift, addresses.upperBound - addresses.lowerBound)
        let ram = layout.base..<layout.base + layout.byteCount
        guard ram.contains(first), byteCount <= ram.upperBound - first else {
            throw .programOutsideMemory(first..<max(first, first &+ byteCount), ram: ram)
        }
        try layout.keepFree(byteCount: byteCount, from: first)
        let (description, tables) = try describe(board, treeSlot: layout.base..<first)
        let tree = try flattened(description)
        let treeByteCount = UInt64(tree.count)
        let treeRange =
            treeByteCount <= first - layout.base
            ? layout.base..<layout.base + treeByteCount : try layout.placeTree(byteCount: treeByteCount)
        try layout.check()
        let placements = [
            Placement(content: .kernel, range: first..<first + elf.contentByteCount),
            Placement(content: .deviceTree(tree), range: treeRange),
        ]
        return BootPlan(
            placements: placements.sorted { $0.range.lowerBound < $1.range.lowerBound } + tables,
            entry: elf.entry &+ shift, x0: treeRange.lowerBound)
    }

    /// How far above the start of RAM the device tree of a flat image is, if there is twice as much.
    private static let flatImageTreeOffset: UInt64 = 128 << 20

    /// How much of RAM at most is left to a kernel that does not say how much it needs.
    private static let legacyKernelSpace: UInt64 = 128 << 20

    /// The tree that the guest gets, and what firmware leaves in RAM.
    private static func describe(
        _ board: BoardDescription, treeSlot: Range<PhysicalAddress>
    ) throws(BootPlanError) -> (DeviceTree, [Placement]) {
        if let acpi = board.acpi { return try Self.acpi(board, acpi, treeSlot: treeSlot) }
        let tables = TableMemory(ram: board.memory.first).map { keptPlacements(board, $0) } ?? []
        return (DeviceTree(for: board), tables)
    }

    private static func flattened(_ tree: DeviceTree) throws(BootPlanError) -> [UInt8] {
        do throws(DeviceTreeError) {
            return try tree.flattened()
        } catch {
            throw .deviceTree(error)
        }
    }

    /// Hands out RAM from below. Running out is noticed at the end, so that the error can say the whole need.
    private struct Layout {
        let base: PhysicalAddress
        let byteCount: UInt64
        /// Of them, what firmware has at the end.
        private let keptAtEnd: UInt64
        /// Everything from `base` to here is taken.
        private var end: PhysicalAddress

        init(ram: Range<PhysicalAddress>?, keptAtEnd: UInt64) throws(BootPlanError) {
            guard let ram, !ram.isEmpty, ram.lowerBound % blockSize == 0 else { throw .unusableMemory }
            base = ram.lowerBound
            byteCount = ram.upperBound - ram.lowerBound
            self.keptAtEnd = keptAtEnd
            end = base
        }

        /// The next `byteCount` bytes that start at a multiple of 2 MiB, or `offset` bytes behind one.
        mutating func place(
            byteCount: UInt64, atOffset offset: UInt64 = 0
        ) throws(BootPlanError) -> Range<PhysicalAddress> {
            let (aligned, alignOverflow) = end.addingReportingOverflow(blockSize - 1)
            let (start, startOverflow) = (aligned / blockSize * blockSize).addingReportingOverflow(offset)
            guard !alignOverflow, !startOverflow else { throw .sizesOutOfRange }
            try keepFree(byteCount: byteCount, from: start)
            return start..<start + byteCount
        }

        /// A place for a flat image's device tree: at `flatImageTreeOffset` or in the middle of RAM, whichever is less,
        /// or behind what is there already. In a RAM that is too small for that, right behind it.
        mutating func placeTree(byteCount: UInt64) throws(BootPlanError) -> Range<PhysicalAddress> {
            let taken = end
            keepFree(untilOffset: min(self.byteCount / 2, flatImageTreeOffset))
            let range = try place(byteCount: byteCount)
            if range.upperBound - base <= self.byteCount - min(keptAtEnd, self.byteCount) { return range }
            let (aligned, overflow) = taken.addingReportingOverflow(pageSize - 1)
            guard !overflow else { throw .sizesOutOfRange }
            let start = aligned / pageSize * pageSize
            end = start
            try keepFree(byteCount: byteCount, from: start)
            return start..<start + byteCount
        }

        /// Hands out none of the `byteCount` bytes from `start`.
        mutating func keepFree(byteCount: UInt64, from start: PhysicalAddress) throws(BootPlanError) {
            let (last, overflow) = start.addingReportingOverflow(byteCount)
            guard !overflow else { throw .sizesOutOfRange }
            end = max(end, last)
        }

        /// Hands out nothing below `offset` bytes from the start of RAM.
        mutating func keepFree(untilOffset offset: UInt64) {
            end = max(end, base + offset)
        }

        func check() throws(BootPlanError) {
            let (needed, overflow) = (end - base).addingReportingOverflow(keptAtEnd)
            guard !overflow else { throw .sizesOutOfRange }
            guard needed <= byteCount else { throw .notEnoughMemory(available: byteCount, needed: needed) }
        }
    }
}
