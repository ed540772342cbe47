import Boot
import Bytes
import Hibernation
import Testing

@testable import Machine

@Suite("A system's UUID")
struct SystemUUIDTests {
    private static let text = "00112233-4455-4677-8899-aabbccddeeff"
    private static let bytes: [UInt8] = [
        0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x46, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF,
    ]

    @Test("Its text is read and written as RFC 9562 has it, and nothing else is one")
    func text() {
        #expect(SystemUUID.bytes(of: Self.text) == Self.bytes)
        #expect(SystemUUID.bytes(of: Self.text.uppercased()) == Self.bytes)
        #expect(SystemUUID.text(of: Self.bytes) == Self.text)
        for wrong in [
            "", "00112233445546778899aabbccddeeff", "00112233-4455-4677-8899-aabbccddeef", "-" + Self.text,
            "0011223g-4455-4677-8899-aabbccddeeff", "001122334-455-4677-8899-aabbccddeeff", Self.text + "-",
        ] {
            #expect(SystemUUID.bytes(of: wrong) == nil, "\(wrong)")
        }
    }

    @Test("One that is made of random bytes is of version 4")
    func random() {
        #expect(
            SystemUUID.text(of: SystemUUID.random([UInt8](repeating: 0, count: 16)))
                == "00000000-0000-4000-8000-000000000000")
        #expect(
            SystemUUID.text(of: SystemUUID.random([UInt8](repeating: 0xFF, count: 16)))
                == "ffffffff-ffff-4fff-bfff-ffffffffffff")
    }

    @Test("A guest of UEFI is told of it by SMBIOS, and it is a fact of the record")
    func smbios() {
        var machine = MachineConfiguration(kernel: "Image", model: .virt2)
        machine.uefi = UEFIConfiguration(code: "/code.fd")
        machine.uuid = Self.bytes
        #expect(machine.smbios.uuid == Self.bytes)
        let files = MeasuredFiles(isFlat: false, kernel: nil, initrd: nil, disks: [])
        let facts = machine.environment(files).facts
        #expect(facts["fw-cfg.items"]?.contains("smbios") == true)
        machine.uuid = nil
        #expect(machine.environment(files).facts["fw-cfg.smbios"] != facts["fw-cfg.smbios"])
        machine.uefi = nil
        #expect(machine.environment(files).facts["fw-cfg.smbios"] == nil)
    }

    @Test("One of another length is refused")
    func wrongLength() {
        var machine = MachineConfiguration(kernel: "Image", model: .virt2)
        machine.uuid = [1]
        #expect(throws: MachineError.self) { try VirtualMachine.check(machine) }
    }
}
