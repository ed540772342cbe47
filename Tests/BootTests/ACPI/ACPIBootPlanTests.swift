import Bytes
import Testing

@testable import Boot

private let mib: UInt64 = 1 << 20
private let ramBase = BoardDescription.ramBase

@Suite("A boot with ACPI")
struct ACPIBootPlanTests {
    private func plan(_ board: BoardDescription, initrd: UInt64? = 3 * mib + 5) throws -> BootPlan {
        let kernel = 38 * mib
        let header = try LinuxImageHeader(prefix: imageHeader(imageSize: 40 * mib), fileByteCount: kernel)
        return try BootPlan.linux(header, kernelByteCount: kernel, initrdByteCount: initrd, board: board)
    }

    private func tree(_ plan: BootPlan) throws -> [UInt8] {
        for placement in plan.placements {
            if case .deviceTree(let bytes) = placement.content { return bytes }
        }
        throw BootPlanError.unusableMemory
    }

    private func firmware(_ plan: BootPlan) -> [(range: Range<UInt64>, bytes: [UInt8])] {
        plan.placements.compactMap { placement in
            if case .table(let bytes) = placement.content { (placement.range, bytes) } else { nil }
        }
    }

    @Test(
        "dtc reads the tree without a warning, and it describes nothing but how to find the tables",
        .needsDeviceTreeCompiler)
    func minimalTree() throws {
        var board = BoardDescription.withACPI(chosen: .init(bootArguments: "panic=1", rngSeed: [1, 2], kaslrSeed: 3))
        board.devices.removeAll { $0 is BoardDescription.GenerationID }
        let result = try DeviceTreeCompiler.convert(try tree(try plan(board)), from: .blob, to: .source)
        #expect(result.status == 0)
        #expect(result.complaints == "")
        let source = """
            /dts-v1/;
            / {
                #address-cells = <2>;
                #size-cells = <2>;
                chosen {
                    bootargs = "panic=1";
                    linux,initrd-start = <0 0x42a00000>;
                    linux,initrd-end = <0 0x42d00005>;
                    rng-seed = [01 02];
                    kaslr-seed = <0 3>;
                    linux,uefi-system-table = <0 0x5ffd0000>;
                    linux,uefi-mmap-start = <0 0x5ffd1000>;
                    linux,uefi-mmap-size = <288>;
                    linux,uefi-mmap-desc-size = <48>;
                    linux,uefi-mmap-desc-ver = <1>;
                    linux,uefi-secure-boot = <2>;
                };
            };
            """
        let blob = try DeviceTreeCompiler.convert(Array(source.utf8), from: .source, to: .blob)
        let theirs = try DeviceTreeCompiler.convert(blob.output, from: .blob, to: .source)
        #expect(blob.complaints == "")
        #expect(result.text == theirs.text)
    }

    @Test("Kernel, tree and initrd lie where they lie with a device tree, and nothing overlaps")
    func samePlacements() throws {
        let acpi = try plan(.withACPI())
        let dt = try plan(.virt())
        #expect(acpi.entry == dt.entry && acpi.x0 == dt.x0)
        #expect(
            acpi.placements.prefix(3).map(\.range.lowerBound) == dt.placements.map(\.range.lowerBound))
        for (a, b) in zip(acpi.placements, acpi.placements.dropFirst()) {
            #expect(a.range.upperBound <= b.range.lowerBound)
        }
    }

    /// Golden: a guest that hibernated has to find them again.
    @Test(
        "Firmware's memory is the end of RAM, whatever kernel and initrd are",
        arguments: [(512, 0x6000_0000), (2048, 0xC000_0000), (8192, 0x2_4000_0000)] as [(UInt64, UInt64)])
    func layout(memoryMiB: UInt64, end: UInt64) throws {
        let board = BoardDescription.withACPI(memoryMiB: memoryMiB)
        let starts = firmware(try plan(board)).map(\.range.lowerBound)
        #expect(starts == [end - 0x3_0000, end - 0x2_0000, end - 0x1_0000, end - 0xF000])
        #expect(board.generationIDAddress == end - 0xF000)
        var tree = BoardDescription.virt(memoryMiB: memoryMiB)
        tree.devices.append(BoardDescription.GenerationID.test)
        #expect(tree.generationIDAddress == end - 0xF000)
    }

    @Test("The memory map covers RAM without gaps, and says which part is whose")
    func memoryMap() throws {
        let plan = try plan(.withACPI())
        let efi = try #require(firmware(plan).first)
        let map = Array(efi.bytes.dropFirst(0x1000))
        // UEFI 2.10, section 7.2.3: type, padding, physical start, virtual start, pages of 4 KiB, attributes.
        let entries = stride(from: 0, to: map.count, by: 48).map { offset in
            (
                type: map.word(at: offset), start: map.long(at: offset + 8), pages: map.long(at: offset + 24),
                attributes: map.long(at: offset + 32)
            )
        }
        var end = ramBase
        for entry in entries {
            #expect(entry.start == end)
            #expect(entry.start % 0x1_0000 == 0 && entry.pages % 16 == 0 && entry.pages > 0)
            // EFI_MEMORY_WB.
            #expect(entry.attributes == 8)
            end += entry.pages * 0x1000
        }
        #expect(end == ramBase + 512 * mib)
        #expect(entries.map(\.type) == [7, 2, 7, 2, 9, 10])
        let tree = entries[1].start..<entries[1].start + entries[1].pages * 0x1000
        #expect(tree.contains(plan.x0))
    }

    @Test("The system table has its signature, a right CRC, and leads to the RSDP")
    func systemTable() throws {
        let blocks = firmware(try plan(.withACPI()))
        let (range, bytes) = blocks[0]
        #expect(Array(bytes.prefix(8)) == Array("IBI SYST".utf8))
        var table = Array(bytes.prefix(120))
        let crc = table.word(at: 16)
        table.replaceSubrange(16..<20, with: [0, 0, 0, 0])
        #expect(CRC32.ieee(table) == UInt32(crc))
        // Two configuration tables of 24 bytes.
        #expect(table.long(at: 104) == 2)
        let configuration = bytes.dropFirst(Int(table.long(at: 112) - range.lowerBound))
        // EFI_ACPI_20_TABLE_GUID, 8868e871-e4f1-11d3-bc22-0080c73c8881.
        #expect(
            Array(configuration.prefix(16)) == [
                0x71, 0xE8, 0x68, 0x88, 0xF1, 0xE4, 0xD3, 0x11, 0xBC, 0x22, 0x00, 0x80, 0xC7, 0x3C, 0x88, 0x81,
            ])
        #expect(Array(configuration).long(at: 16) == blocks[1].range.lowerBound)
        #expect(blocks[1].bytes.starts(with: "RSD PTR ".utf8))
    }

    @Test("What firmware keeps counts when memory is short")
    func tooLittleMemory() throws {
        let fits = 22 * mib - 3 * 0x1_0000
        _ = try plan(.withACPI(memoryMiB: 64), initrd: fits)
        #expect(throws: BootPlanError.notEnoughMemory(available: 64 * mib, needed: 64 * mib + 1)) {
            try plan(.withACPI(memoryMiB: 64), initrd: fits + 1)
        }
    }

    @Test("Flat code with ACPI is refused, and the error says what to do")
    func flatImage() {
        let error = #expect(throws: BootPlanError.flatImageWithACPI) {
            try BootPlan.flatImage(byteCount: 4096, board: .withACPI())
        }
        #expect(error?.description.contains("leave ACPI out") == true)
    }

    // MARK: The generation id with a device tree

    @Test(
        "With a device tree, the generation id is a node, and its page is kept from the guest", .needsDeviceTreeCompiler
    )
    func generationIDInTree() throws {
        var board = BoardDescription.virt()
        board.devices.append(BoardDescription.GenerationID.test)
        let plan = try plan(board)
        let result = try DeviceTreeCompiler.convert(try tree(plan), from: .blob, to: .source)
        #expect(result.complaints == "")
        for line in [
            "compatible = \"microsoft,vmgenid\";", "reg = <0x00 0x5fff1000 0x00 0x10>;",
            "interrupts = <0x00 0x0a 0x01>;", "firmware@5fff0000", "reg = <0x00 0x5fff0000 0x00 0x10000>;", "no-map;",
        ] {
            #expect(result.text.contains(line), "\(line)")
        }
        #expect(firmware(plan).map(\.bytes) == [Array(0..<16)])
        #expect(firmware(plan).map(\.range) == [0x5FFF_1000..<0x5FFF_1010])
    }

    @Test("Without a generation id, a device tree and its plan have nothing of firmware")
    func nothing() throws {
        #expect(firmware(try plan(.virt())).isEmpty)
        #expect(try plan(.virt(memoryMiB: 64), initrd: 22 * mib).placements.count == 3)
    }
}
