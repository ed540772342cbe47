import Devices
import DiskImages
import Machine
import Testing

@testable import DormouseCommand

@Suite("Values of options")
struct ArgumentTests {
    @Test(
        "A size of memory is in MiB unless it says otherwise",
        arguments: [
            ("512", 536_870_912), ("1", 1_048_576), ("512M", 536_870_912), ("512m", 536_870_912),
            ("512MiB", 536_870_912), ("2G", 2_147_483_648), ("2GiB", 2_147_483_648), ("0", 0),
            ("17592186044415", 18_446_744_073_708_503_040),
        ] as [(String, UInt64)])
    func memorySizes(text: String, byteCount: UInt64) {
        #expect(MemorySize(text)?.byteCount == byteCount)
    }

    @Test(
        "What is no size of memory, or more than can be counted, is none",
        arguments: [
            "", "M", "-1", "+1", "1.5G", "1 G", " 1", "1T", "1K", "0x10", "1GG", "١٢", "17592186044416",
            "99999999999999999999", "18446744073709551615G",
        ])
    func wrongMemorySizes(text: String) {
        #expect(MemorySize(text) == nil)
    }

    @Test(
        "A disk is a path, and read-only or in a format if that is said behind it",
        arguments: [
            ("a.img", "a.img", false, nil),
            ("a.img,readonly=on", "a.img", true, nil),
            ("a.img,readonly=off", "a.img", false, nil),
            ("a,b.img", "a,b.img", false, nil),
            ("a,readonly=on.img", "a,readonly=on.img", false, nil),
            ("a,readonly=on,readonly=off", "a,readonly=on", false, nil),
            ("a.img,format=raw", "a.img", false, .raw),
            ("a.img,format=raw,readonly=on", "a.img", true, .raw),
            ("a.img,readonly=on,format=raw", "a.img", true, .raw),
            ("a.img,format=raw,format=auto", "a.img,format=raw", false, nil),
            ("a.img,format=qcow2", "a.img", false, .qcow2),
            ("a.img,format=vmdk", "a.img,format=vmdk", false, nil),
        ] as [(String, String, Bool, DiskFormat?)])
    func disks(argument: String, path: String, isReadOnly: Bool, format: DiskFormat?) {
        #expect(
            DiskConfiguration(argument: argument)
                == DiskConfiguration(path: path, isReadOnly: isReadOnly, format: format))
    }

    @Test(
        "What is done about errors, and a serial number, are said behind the path, in any order with the rest, and each once",
        arguments: [
            ("a.img,on-error=stop", DiskConfiguration(path: "a.img", onError: .stop)),
            ("a.img,on-error=report", DiskConfiguration(path: "a.img")),
            ("a.img,on-error=stop,readonly=on", DiskConfiguration(path: "a.img", isReadOnly: true, onError: .stop)),
            ("a.img,readonly=on,on-error=stop", DiskConfiguration(path: "a.img", isReadOnly: true, onError: .stop)),
            ("a,on-error=stop,on-error=report", DiskConfiguration(path: "a,on-error=stop")),
            ("a.img,on-error=later", DiskConfiguration(path: "a.img,on-error=later")),
            ("a.img,serial=root", DiskConfiguration(path: "a.img", serial: "root")),
            ("a.img,serial=a b,readonly=on", DiskConfiguration(path: "a.img", isReadOnly: true, serial: "a b")),
            ("a.img,readonly=on,serial=x=y", DiskConfiguration(path: "a.img", isReadOnly: true, serial: "x=y")),
            ("a,serial=x,serial=y", DiskConfiguration(path: "a,serial=x", serial: "y")),
            ("a,serial=", DiskConfiguration(path: "a,serial=")),
            ("a,serial=12345678901234567890", DiskConfiguration(path: "a", serial: "12345678901234567890")),
            ("a,serial=123456789012345678901", DiskConfiguration(path: "a,serial=123456789012345678901")),
            ("a,serial=é", DiskConfiguration(path: "a,serial=é")),
        ])
    func diskErrors(argument: String, disk: DiskConfiguration) {
        #expect(DiskConfiguration(argument: argument) == disk)
    }

    @Test(
        "Firmware is dt or acpi, or UEFI with either; its code is a path, commas included",
        arguments: [
            ("dt", HardwareDescription.deviceTree, false, nil), ("acpi", .acpi, false, nil),
            ("uefi", .acpi, true, nil), ("uefi,dt", .deviceTree, true, nil), ("uefi,acpi", .acpi, true, nil),
            ("uefi=/a.fd", .acpi, true, "/a.fd"), ("uefi=/a.fd,dt", .deviceTree, true, "/a.fd"),
            ("uefi=/a,b.fd", .acpi, true, "/a,b.fd"), ("uefi=/a,dt,acpi", .acpi, true, "/a,dt"),
        ] as [(String, HardwareDescription, Bool, String?)])
    func firmware(argument: String, description: HardwareDescription, hasUEFI: Bool, code: String?) throws {
        let firmware = try FirmwareArgument.parse(argument)
        #expect(firmware.hardwareDescription == description && firmware.hasUEFI == hasUEFI && firmware.code == code)
    }

    @Test("Other firmware is none", arguments: ["", "uefi=", "uefi=,dt", "uefi,", "UEFI", "dt,uefi", "uefix"])
    func noFirmware(argument: String) { #expect(throws: (any Error).self) { try FirmwareArgument.parse(argument) } }

    @Test("A disk without a path is none", arguments: ["", ",readonly=on", ",readonly=off", ",format=raw"])
    func noDisk(argument: String) {
        #expect(DiskConfiguration(argument: argument) == nil)
    }
}
