import Bytes
import Testing

@testable import Boot

private let mib: UInt64 = 1 << 20

@Suite("A boot by UEFI")
struct UEFIBootPlanTests {
    private static func board(memoryMiB: UInt64 = 512) -> BoardDescription {
        var board = BoardDescription.withACPI(
            memoryMiB: memoryMiB, chosen: .init(bootArguments: "quiet", rngSeed: [7], kaslrSeed: 9))
        board.devices += [
            BoardDescription.Flash(banks: [0..<64 << 20], bankWidth: 4),
            BoardDescription.FwCfg(0x0902_0000..<0x0902_0018),
        ]
        return board
    }

    @Test("A whole device tree lies at the base of RAM, even with ACPI, and the firmware is entered where it is")
    func plan() throws {
        let plan = try BootPlan.uefi(Self.board(), entry: 0)
        #expect(plan.entry == 0 && plan.x0 == 0)
        #expect(plan.placements.map(\.range.lowerBound) == [BoardDescription.ramBase])
        guard case .deviceTree(let tree)? = plan.placements.first?.content else {
            Issue.record("no device tree")
            return
        }
        #expect(tree.bigEndian(at: 0, as: UInt32.self) == 0xD00D_FEED)
        let text = String(decoding: tree.map { $0 < 0x20 || $0 > 0x7E ? 0x0A : $0 }, as: UTF8.self)
        for word in ["cfi-flash", "qemu,fw-cfg-mmio", "arm,pl011", "arm,gic-v3", "arm,psci-1.0"] {
            #expect(text.contains(word), "\(word)")
        }
        // The kernel's command line comes by fw_cfg.
        #expect(!text.contains("quiet"))
    }

    @Test("dtc reads flash and fw_cfg without a warning", .needsDeviceTreeCompiler)
    func deviceTree() throws {
        let blob = try DeviceTree(for: Self.board()).flattened()
        let result = try DeviceTreeCompiler.convert(blob, from: .blob, to: .source)
        #expect(result.status == 0)
        #expect(result.complaints == "")
        #expect(result.text.contains("bank-width = <0x04>"))
    }

    @Test("It needs 128 MiB", arguments: [(126, false), (128, true)] as [(UInt64, Bool)])
    func memory(mebibytes: UInt64, fits: Bool) throws {
        let board = Self.board(memoryMiB: mebibytes)
        guard fits else {
            #expect(throws: BootPlanError.notEnoughMemoryForUEFI(available: mebibytes * mib)) {
                try BootPlan.uefi(board, entry: 0)
            }
            return
        }
        _ = try BootPlan.uefi(board, entry: 0)
    }

    @Test("U-Boot is told by where it was linked to and by its end, which is where its zeroed memory begins")
    func uBoot() {
        func file(
            instruction: UInt32 = 0x1400_000A, linkedTo: UInt64 = 0, end: UInt64 = 0xE_D228, zeroed: UInt64? = nil
        ) -> [UInt8] {
            var bytes: [UInt8] = []
            for word in [instruction, 0xD503_201F] { bytes.append(littleEndian: word) }
            for word in [linkedTo, end, zeroed ?? end, end + 0x1000] { bytes.append(littleEndian: word) }
            return bytes + [UInt8](repeating: 0, count: FirmwareVolume.prefixByteCount - bytes.count)
        }
        let flash: UInt64 = 64 << 20
        #expect(UBootHeader.isCode(prefix: file(), within: flash))
        for other in [
            file(instruction: 0xD503_201F), file(linkedTo: 0x4000_0000), file(end: flash + 1), file(end: 16),
            file(zeroed: 0xE_D220), [], Array(file().prefix(31)), [UInt8](repeating: 0, count: 4096),
        ] { #expect(!UBootHeader.isCode(prefix: other, within: flash)) }
    }

    @Test("Code is told by a volume's header, at the beginning or behind a page of code; so are variables")
    func volumes() {
        func file(_ offset: Int?) -> [UInt8] {
            var bytes = [UInt8](repeating: 0x11, count: FirmwareVolume.prefixByteCount)
            if let offset { bytes.replaceSubrange(offset..<offset + 4, with: Array("_FVH".utf8)) }
            return bytes
        }
        #expect(FirmwareVolume.isCode(prefix: file(0x28)))
        #expect(FirmwareVolume.isCode(prefix: file(0x1028)))
        for offset in [nil, 0, 0x24, 0x1024] as [Int?] { #expect(!FirmwareVolume.isCode(prefix: file(offset))) }
        #expect(!FirmwareVolume.isCode(prefix: []) && !FirmwareVolume.isCode(prefix: Array("_FVH".utf8)))
        #expect(FirmwareVolume.isVariables(prefix: file(0x28)))
        #expect(!FirmwareVolume.isVariables(prefix: file(0x1028)) && !FirmwareVolume.isVariables(prefix: file(nil)))
        for byte in [0, 0xFF] as [UInt8] {
            #expect(FirmwareVolume.isVariables(prefix: [UInt8](repeating: byte, count: 0x1000)))
        }
    }
}
