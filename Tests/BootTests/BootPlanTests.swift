import Boot
import Testing

private let mib: UInt64 = 1 << 20
private let gib: UInt64 = 1 << 30
private let ramBase = BoardDescription.ramBase

@Suite("Where a guest's kernel, device tree and initrd go")
struct BootPlanTests {
    private func linuxPlan(
        _ bytes: [UInt8] = imageHeader(imageSize: 40 * mib), kernel: UInt64 = 38 * mib, initrd: UInt64? = 3 * mib + 5,
        board: BoardDescription = .virt()
    ) throws -> BootPlan {
        let header = try LinuxImageHeader(prefix: bytes, fileByteCount: kernel)
        return try BootPlan.linux(header, kernelByteCount: kernel, initrdByteCount: initrd, board: board)
    }

    private func range(_ plan: BootPlan, _ content: (BootPlan.Content) -> Bool) throws -> Range<UInt64> {
        try #require(plan.placements.first { content($0.content) }).range
    }

    private func tree(_ plan: BootPlan) throws -> (bytes: [UInt8], range: Range<UInt64>) {
        for placement in plan.placements {
            if case .deviceTree(let bytes) = placement.content { return (bytes, placement.range) }
        }
        throw BootPlanError.unusableMemory
    }

    @Test("The kernel is text_offset above the start of RAM, and is entered there with the device tree in X0")
    func kernel() throws {
        let plan = try linuxPlan(imageHeader(textOffset: 0x8_0000, imageSize: 40 * mib))
        #expect(try range(plan) { $0 == .kernel } == ramBase + 0x8_0000..<ramBase + 0x8_0000 + 38 * mib)
        #expect(plan.entry == ramBase + 0x8_0000)
        #expect(plan.x0 == (try tree(plan).range.lowerBound))
    }

    @Test("Nothing lies in the image_size bytes that the kernel asks for, and nothing overlaps")
    func noOverlap() throws {
        for imageSize in [38 * mib, 40 * mib, 40 * mib + 1, 42 * mib - 1] {
            let plan = try linuxPlan(imageHeader(imageSize: imageSize))
            #expect(plan.placements.map(\.range.lowerBound).sorted() == plan.placements.map(\.range.lowerBound))
            for (a, b) in zip(plan.placements, plan.placements.dropFirst()) {
                #expect(a.range.upperBound <= b.range.lowerBound)
            }
            #expect(plan.placements[1].range.lowerBound >= ramBase + imageSize)
            #expect(plan.placements.count == 3)
        }
    }

    @Test("The device tree has whole 2 MiB blocks to itself, as the kernel maps it")
    func treeAlignment() throws {
        let plan = try linuxPlan()
        let tree = try tree(plan)
        let block = tree.range.lowerBound..<tree.range.lowerBound + 2 * mib
        #expect(tree.range.lowerBound % (2 * mib) == 0)
        #expect(tree.range.count == tree.bytes.count)
        let others = plan.placements.map(\.range).filter { $0 != tree.range }
        #expect(others.allSatisfy { !$0.overlaps(block) })
    }

    @Test("Kernel and initrd are within one 1 GiB-aligned window of 32 GiB, however much RAM there is")
    func initrdWindow() throws {
        let plan = try linuxPlan(initrd: 2 * gib, board: .virt(memoryMiB: 256 << 10))
        let window = ramBase / gib * gib
        #expect(plan.placements.allSatisfy { $0.range.upperBound <= window + 32 * gib })
    }

    @Test("The device tree says where the initrd is, to the byte", .needsDeviceTreeCompiler)
    func initrdInTree() throws {
        let plan = try linuxPlan()
        let initrd = try range(plan) { $0 == .initrd }
        #expect(initrd.count == 3 * mib + 5)
        let source = try DeviceTreeCompiler.convert(try tree(plan).bytes, from: .blob, to: .source).text
        func hex(_ value: UInt64) -> String { "<0x00 0x" + String(value, radix: 16) + ">" }
        #expect(source.contains("linux,initrd-start = \(hex(initrd.lowerBound));"))
        #expect(source.contains("linux,initrd-end = \(hex(initrd.upperBound));"))
        let without = try DeviceTreeCompiler.convert(
            try tree(try linuxPlan(initrd: nil)).bytes, from: .blob, to: .source)
        #expect(!without.text.contains("initrd"))
    }

    @Test("A kernel that does not say its size gets the memory behind it")
    func legacyKernel() throws {
        let plan = try linuxPlan(imageHeader(imageSize: 0), kernel: 8 * mib)
        #expect(plan.entry == ramBase + 0x8_0000)
        #expect(plan.placements[1].range.lowerBound >= ramBase + 128 * mib)
        let small = try linuxPlan(imageHeader(imageSize: 0), kernel: 8 * mib, board: .virt(memoryMiB: 64))
        #expect(small.placements[1].range.lowerBound >= ramBase + 32 * mib)
    }

    @Test("Memory that just fits is enough, one byte more is not, and the error says how much is needed")
    func tooLittleMemory() throws {
        // 40 MiB for the kernel, 2 for the tree, and the rest for the initrd.
        _ = try linuxPlan(initrd: 22 * mib, board: .virt(memoryMiB: 64))
        let needed = 64 * mib + 1
        let error = BootPlanError.notEnoughMemory(available: 64 * mib, needed: needed)
        #expect(throws: error) { try linuxPlan(initrd: 22 * mib + 1, board: .virt(memoryMiB: 64)) }
        #expect(error.description.contains("64 MiB"))
        #expect(error.description.contains("65 MiB"))
        #expect(error.description.contains("give more"))
    }

    @Test(
        "Numbers that would leave the address space are an error, not a crash",
        arguments: [0, 1, 2 * mib - 1, .max / 2, .max - 2 * mib, .max] as [UInt64])
    func hostileNumbers(number: UInt64) {
        let attempts: [() throws -> BootPlan] = [
            { try linuxPlan(imageHeader(textOffset: number, imageSize: .max)) },
            { try linuxPlan(imageHeader(textOffset: .max, imageSize: max(number, 1))) },
            { try linuxPlan(imageHeader(textOffset: number, imageSize: 1), kernel: .max) },
            { try linuxPlan(kernel: number, initrd: .max) },
        ]
        for attempt in attempts {
            let error = #expect(throws: BootPlanError.self) { try attempt() }
            #expect(error?.description.contains(";") == true)
        }
    }

    @Test("A command line that Linux would cut short is refused")
    func longCommandLine() throws {
        func board(_ count: Int) -> BoardDescription {
            .virt(chosen: .init(bootArguments: String(repeating: "x", count: count)))
        }
        _ = try linuxPlan(board: board(2047))
        #expect(throws: BootPlanError.commandLineTooLong(byteCount: 2048, limit: 2047)) {
            try linuxPlan(board: board(2048))
        }
    }

    @Test("A command line with a NUL is refused, and the error names it")
    func commandLineWithNUL() {
        #expect(throws: BootPlanError.deviceTree(.stringContainsNUL(property: "bootargs"))) {
            try linuxPlan(board: .virt(chosen: .init(bootArguments: "a\0b")))
        }
    }

    @Test("A board without RAM, or with RAM that starts askew, is refused")
    func unusableMemory() {
        var board = BoardDescription.virt()
        for memory in [[], [ramBase..<ramBase], [ramBase + mib..<ramBase + 512 * mib]] as [[Range<UInt64>]] {
            board.memory = memory
            #expect(throws: BootPlanError.unusableMemory) { try linuxPlan(board: board) }
        }
    }

    @Test("A flat image is loaded and entered 0x80000 above the start of RAM")
    func flatImage() throws {
        let plan = try BootPlan.flatImage(byteCount: 0x1_0001, board: .virt())
        #expect(plan.entry == 0x4008_0000)
        #expect(try range(plan) { $0 == .kernel } == 0x4008_0000..<0x4009_0001)
        #expect(plan.x0 == (try tree(plan).range.lowerBound))
        #expect(throws: BootPlanError.self) { try BootPlan.flatImage(byteCount: 512 * mib, board: .virt()) }
        #expect(throws: BootPlanError.self) { try BootPlan.flatImage(byteCount: .max, board: .virt()) }
    }

    @Test(
        "A flat image's device tree is above it, at 128 MiB or half of RAM or behind the image, whichever is the right one",
        arguments: [
            (1024, 1 * mib, 128 * mib), (256, 1 * mib, 128 * mib), (64, 1 * mib, 32 * mib), (4, 1 * mib, 2 * mib),
            // Half of 6 MiB is in the middle of a block.
            (6, 1 * mib, 4 * mib),
            (64, 40 * mib, 42 * mib), (1024, 300 * mib + 1, 302 * mib),
        ] as [(UInt64, UInt64, UInt64)])
    func flatImageTree(memoryMiB: UInt64, byteCount: UInt64, offset: UInt64) throws {
        let plan = try BootPlan.flatImage(byteCount: byteCount, board: .virt(memoryMiB: memoryMiB))
        #expect(plan.x0 == ramBase + offset)
        #expect(try tree(plan).range.lowerBound == plan.x0)
    }

    @Test("Where RAM ends before that, the tree follows the image, and an image that leaves it no room is refused")
    func flatImageInLittleMemory() throws {
        let plan = try BootPlan.flatImage(byteCount: 0x1_0001, board: .virt(memoryMiB: 2))
        #expect(plan.x0 == 0x4009_1000)
        #expect(try tree(plan).range.upperBound <= ramBase + 2 * mib)
        let room = 64 * mib - 0x8_0000
        #expect(throws: BootPlanError.self) {
            try BootPlan.flatImage(byteCount: room - 1, board: .virt(memoryMiB: 64))
        }
        let tight = try BootPlan.flatImage(byteCount: room - mib, board: .virt(memoryMiB: 64))
        #expect(tight.x0 == ramBase + 63 * mib)
    }
}
