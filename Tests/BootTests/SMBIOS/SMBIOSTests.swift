// SMBIOS tables, read by dmidecode and by the layout of DSP0134.

import Bytes
import Foundation
import Hypervisor
import TestSupport
import Testing

@testable import Boot

@Suite("SMBIOS")
struct SMBIOSTests {
    private static let uuid = Array(UInt8(0)..<16).map { $0 * 0x11 }

    private func machine(memory: [Range<PhysicalAddress>] = [0x4000_0000..<0x6000_0000]) -> SMBIOS {
        SMBIOS(
            product: "virt-2", version: "1.2", uuid: Self.uuid, hasUEFI: true, coreCount: 4, mainID: 0x410F_D0F1,
            memory: memory)
    }

    /// The structures, by walking them as §6.1.1 says.
    private func structures(_ tables: [UInt8]) throws -> [(type: UInt8, handle: UInt16, strings: [String])] {
        var structures: [(type: UInt8, handle: UInt16, strings: [String])] = []
        var rest = tables[...]
        while !rest.isEmpty {
            let start = rest.startIndex
            let (type, length) = (rest[start], Int(rest[start + 1]))
            let handle = UInt16(littleEndianBytes: rest[start + 2..<start + 4])
            rest = rest.dropFirst(length)
            var strings: [String] = []
            while let end = rest.firstIndex(of: 0), end > rest.startIndex {
                strings.append(String(decoding: rest[..<end], as: UTF8.self))
                rest = rest[(end + 1)...]
            }
            // With no strings at all there are two NULs.
            rest = rest.dropFirst(strings.isEmpty ? 2 : 1)
            structures.append((type, handle, strings))
        }
        return structures
    }

    @Test(
        "dmidecode reads what the machine is, and complains of nothing",
        .needs(DMIDecode.path != nil, "scripts/setup installs dmidecode"))
    func decoded() throws {
        var machine = machine()
        machine.oemStrings = ["io.systemd.credential:a=b", "second"]
        let text = try DMIDecode.decode(
            entryPoint: machine.entryPoint(tablesAt: PhysicalAddress(DMIDecode.tablesOffset)), tables: machine.tables)
        for line in [
            "SMBIOS 3.1.1 present.", "Manufacturer: Dormouse", "Product Name: virt-2", "Version: 1.2",
            "UUID: 00112233-4455-6677-8899-aabbccddeeff",
            "Wake-up Type: Power Switch", "UEFI is supported", "System is a virtual machine",
            "Socket Designation: CPU 0", "Type: Central Processor", "Family: ARMv8", "Status: Populated, Enabled",
            "Core Count: 4", "Core Enabled: 4", "Thread Count: 4", "64-bit capable", "Multi-Core",
            "String 1: io.systemd.credential:a=b", "String 2: second", "Maximum Capacity: 512 MB",
            "Use: System Memory", "Number Of Devices: 1", "Size: 512 MB", "Locator: RAM 0", "Type: RAM",
            "Starting Address: 0x00040000000", "Ending Address: 0x0005FFFFFFF", "Range Size: 512 MB",
            "Status: No errors detected", "End Of Table",
        ] {
            #expect(text.contains(line), "\(line)")
        }
        for complaint in ["OUT OF SPEC", "BAD INDEX", "Wrong DMI", "Invalid", "Bad", "TRUNCATED"] {
            #expect(!text.contains(complaint), "\(text)")
        }
    }

    @Test(
        "Much memory, in several ranges, is in the fields for much",
        .needs(DMIDecode.path != nil, "scripts/setup installs dmidecode"))
    func muchMemory() throws {
        let start: PhysicalAddress = 0x4000_0000
        let machine = machine(memory: [start..<start + (40 << 30), (5 << 40)..<(8 << 40)])
        let text = try DMIDecode.decode(
            entryPoint: machine.entryPoint(tablesAt: PhysicalAddress(DMIDecode.tablesOffset)), tables: machine.tables)
        for line in [
            "Number Of Devices: 2", "Size: 40 GB", "Size: 3 TB", "Locator: RAM 1", "Range Size: 40 GB",
            "Starting Address: 0x0000050000000000",
        ] {
            #expect(text.contains(line), "\(line)\n\(text)")
        }
    }

    @Test("The entry point has the length of the tables, their address, and a checksum")
    func entryPoint() {
        let machine = machine()
        let bytes = machine.entryPoint(tablesAt: 0x1_2345_6789)
        #expect(bytes.count == 24 && bytes[6] == 24)
        #expect(bytes.starts(with: Array("_SM3_".utf8)))
        #expect(bytes.reduce(0, &+) == 0)
        #expect(UInt32(littleEndianBytes: bytes[12..<16]) == UInt32(machine.tables.count))
        #expect(UInt64(littleEndianBytes: bytes[16..<24]) == 0x1_2345_6789)
    }

    @Test("Every structure has a handle of its own, and the last one is the end")
    func handles() throws {
        var machine = machine(memory: [0x4000_0000..<0x4020_0000, 0x5000_0000..<0x5020_0000])
        machine.oemStrings = (0..<600).map { "string \($0)" }
        let structures = try structures(machine.tables)
        #expect(structures.map(\.type) == [0, 1, 3, 4, 11, 11, 11, 16, 17, 17, 19, 19, 32, 127])
        #expect(Set(structures.map(\.handle)).count == structures.count)
        #expect(structures.filter { $0.type == 11 }.flatMap(\.strings) == machine.oemStrings)
    }

    @Test("A string can neither end the others nor be empty")
    func strings() throws {
        var machine = machine()
        machine.oemStrings = ["", "\0", "a\0\0b", "c"]
        machine.product = ""
        let structures = try structures(machine.tables)
        #expect(structures.first { $0.type == 11 }?.strings == ["ab", "c"])
        #expect(structures.first { $0.type == 1 }?.strings == ["Dormouse", "1.2", "Virtual Machine"])
        machine.oemStrings = ["", "\0"]
        #expect(try !self.structures(machine.tables).contains { $0.type == 11 })
    }
}
