import Bytes
import Hypervisor
import Testing

@testable import Devices

@Suite("fw_cfg")
struct FwCfgTests {
    private static let signature: [UInt8] = Array("QEMU".utf8)

    @Test("It says its signature, and that it can do DMA")
    func identity() throws {
        let bench = try FwCfgBench()
        #expect(bench.item(0x00, count: 4) == Self.signature)
        #expect(bench.item(0x01, count: 4) == [3, 0, 0, 0])
        #expect(bench.device.read(offset: 16, size: 8, cpu: 0) == UInt64(littleEndianBytes: Array("QEMU CFG".utf8)))
        #expect(bench.device.read(offset: 16, size: 4, cpu: 0) == UInt64(littleEndianBytes: Array("QEMU".utf8)))
        #expect(bench.device.read(offset: 20, size: 4, cpu: 0) == UInt64(littleEndianBytes: Array(" CFG".utf8)))
    }

    @Test("The data register has the first byte lowest, whatever the size, and zeros behind the end")
    func data() throws {
        let bench = try FwCfgBench()
        bench.select(0x00)
        #expect(bench.device.read(offset: 0, size: 2, cpu: 0) == 0x4551)
        #expect(bench.device.read(offset: 0, size: 1, cpu: 0) == UInt64(UInt8(ascii: "M")))
        #expect(bench.device.read(offset: 0, size: 8, cpu: 0) == UInt64(UInt8(ascii: "U")))
        #expect(bench.device.read(offset: 0, size: 4, cpu: 0) == 0)
        bench.device.write(offset: 0, size: 4, value: 0xFFFF_FFFF, cpu: 0)
        #expect(bench.item(0x00, count: 4) == Self.signature)
        #expect(bench.item(0x7777, count: 4) == [0, 0, 0, 0])
    }

    @Test("The directory lists the files in their order, with sizes and keys")
    func directory() throws {
        let bench = try FwCfgBench()
        let bytes = bench.item(0x19, count: 4 + 2 * 64)
        #expect(bytes.bigEndian(at: 0, as: UInt32.self) == 2)
        for (index, (name, size)) in [("etc/one", 3), ("etc/two", FwCfgBench.bigByteCount)].enumerated() {
            let entry = Array(bytes[4 + 64 * index..<4 + 64 * (index + 1)])
            #expect(entry.bigEndian(at: 0, as: UInt32.self) == UInt32(size))
            #expect(entry.bigEndian(at: 4, as: UInt16.self) == 0x20 + UInt16(index))
            #expect(Array(entry[8...].prefix { $0 != 0 }) == Array(name.utf8))
        }
        #expect(bench.item(0x20, count: 4) == [1, 2, 3, 0])
    }

    @Test("DMA selects, skips and reads, and says that it is done")
    func dma() throws {
        let bench = try FwCfgBench()
        #expect(bench.request(control: 0x20_000A, length: 2, buffer: FwCfgBench.buffer) == 0)
        #expect(bench.memory.read(at: FwCfgBench.buffer, count: 3) == [1, 2, 0])
        #expect(bench.request(control: 4, length: 1) == 0)
        #expect(bench.request(control: 0x21_000C, length: UInt32(FwCfgBench.bigByteCount) - 2) == 0)
        bench.memory.write([9, 9, 9, 9], at: FwCfgBench.buffer)
        #expect(bench.request(control: 2, length: 3, buffer: FwCfgBench.buffer) == 0)
        let last = FwCfgBench.bigByteCount - 2
        #expect(
            bench.memory.read(at: FwCfgBench.buffer, count: 4)
                == [FwCfgBench.byte(last), FwCfgBench.byte(last + 1), 0, 9])
        // In two halves.
        #expect(bench.request(control: 0x20_000A, length: 3, buffer: FwCfgBench.buffer, inHalves: true) == 0)
        #expect(bench.memory.read(at: FwCfgBench.buffer, count: 3) == [1, 2, 3])
        // More than a piece at once.
        let whole = FwCfgBench.bigByteCount
        #expect(bench.request(control: 0x21_000A, length: UInt32(whole), buffer: FwCfgBench.buffer) == 0)
        #expect(bench.memory.read(at: FwCfgBench.buffer, count: whole) == (0..<whole).map(FwCfgBench.byte))
    }

    @Test("A DMA write is refused, and so is a read that leaves RAM or that the host cannot do")
    func refused() throws {
        let bench = try FwCfgBench()
        #expect(bench.request(control: 0x20_0018, length: 1, buffer: FwCfgBench.buffer) == 1)
        #expect(bench.item(0x20, count: 3) == [1, 2, 3])
        let end = FwCfgBench.ram.upperBound
        for (length, buffer) in [(.max, FwCfgBench.buffer), (2, end - 1), (1, 0), (16, .max - 3)] as [(UInt32, UInt64)]
        {
            #expect(bench.request(control: 0x20_000A, length: length, buffer: buffer) == 1, "\(length) \(buffer)")
        }
        #expect(bench.memory.read(at: end - 1, count: 1) == [0])
        #expect(bench.request(control: 0x11_000A, length: 1, buffer: FwCfgBench.buffer) == 1)
        // A request that is itself nowhere.
        for address in [0, end - 15, .max] as [UInt64] {
            bench.device.write(offset: 16, size: 8, value: address.byteSwapped, cpu: 0)
        }
        // Once the run is to end nobody copies.
        bench.device.setEnding(true)
        #expect(bench.request(control: 0x21_000A, length: 1, buffer: FwCfgBench.buffer) == 1)
    }

    @Test("A skip of 4 GiB ends at the item's end", arguments: [1, 2, 3] as [Int])
    func skip(count: Int) throws {
        let bench = try FwCfgBench()
        bench.select(0x20)
        for _ in 0..<count { #expect(bench.request(control: 4, length: .max) == 0) }
        #expect(bench.device.read(offset: 0, size: 1, cpu: 0) == 0)
    }
}
