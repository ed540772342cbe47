// Block devices of the host as disks. They are loop devices, which only root can make.

import Glibc
import TestSupport
import Testing

@Suite(
    "Block devices of the host",
    .needs(geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0, "this takes root and loop devices"))
struct BlockDeviceTests {
    /// Powers off if the first disk says that its blocks have 4096 bytes, and hibernates otherwise.
    private static let code: [UInt8] = {
        let words: [UInt32] = [
            // mov x1, #0x0A000000; ldr w2, [x1, #0x114]; cmp w2, #4096; b.ne 1f
            0xD2A1_4001, 0xB941_1422, 0x7140_045F, 0x5400_00A1,
            // SYSTEM_OFF; b .
            0x52B0_8000, 0x7280_0100, 0xD400_0002, 0x1400_0000,
            // 1: SYSTEM_OFF2; b .
            0x52B0_8000, 0x7280_02A0, 0x5280_0001, 0x5280_0002, 0xD400_0002, 0x1400_0000,
        ]
        return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }()

    @Test(
        "A guest is told of its device's sectors, and the environment has them",
        arguments: [(512, 40), (4096, 0)] as [(Int, Int32)])
    func sectors(byteCount: Int, exitCode: Int32) async throws {
        let directory = try TemporaryDirectory()
        let kernel = try directory.file("guest.bin", Self.code)
        let image = try directory.file("disk.img", [UInt8](repeating: 0, count: 1 << 20))
        let result = try await Command.shell(
            """
            device=$(losetup --find --show --sector-size "$4" "$3") || exit 99
            "$0" create vm --store "$1/store" --kernel "$2" --disk "$device" >&2
            "$0" inspect vm --store "$1/store" --json
            "$0" run --kernel "$2" --disk "$device"
            code=$?
            losetup --detach "$device"
            exit $code
            """, directory.path, kernel, image, "\(byteCount)")
        #expect(result.exitCode == exitCode, "\(result.error)")
        let fact = try #require(result.output.split(separator: "\n").first { $0.contains("virtio.0.block-size") })
        #expect(fact.contains("\"\(byteCount)\""))
    }
}
