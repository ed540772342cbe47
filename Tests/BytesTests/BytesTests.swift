import Bytes
import Testing

@Suite("Numbers and text of bytes")
struct BytesTests {
    @Test("CRC-32 has its check values, from the start that each use has")
    func crc32() {
        let digits = Array("123456789".utf8)
        #expect(CRC32.ieee(digits) == 0xCBF4_3926)
        // zlib's crc32() without its two inversions.
        #expect(CRC32.update(0, digits.span) == 0x2DFD_2D88)
        #expect(CRC32.update(CRC32.update(0, Array(digits[..<3]).span), Array(digits[3...]).span) == 0x2DFD_2D88)
        #expect(CRC32.ieee([]) == 0)
    }

    @Test("A number has its lowest byte first, or its highest")
    func endianness() {
        #expect(UInt32(0x0403_0201).littleEndianBytes == [1, 2, 3, 4])
        #expect(Int16(-2).littleEndianBytes == [0xFE, 0xFF])
        #expect(UInt64(littleEndianBytes: [1, 2, 3]) == 0x030201)
        let bytes: [UInt8] = [0, 1, 2, 3, 4, 0x85]
        #expect(bytes.littleEndian(at: 1, as: UInt32.self) == 0x0403_0201)
        #expect(bytes.bigEndian(at: 1, as: UInt32.self) == 0x0102_0304)
        #expect(bytes.littleEndian(at: 4, as: Int16.self) == -0x7AFC)
        // A slice is counted from its own beginning.
        #expect(bytes[2...].littleEndian(at: 1, as: UInt16.self) == 0x0403)
    }

    @Test("Numbers are appended, and put over what is there, with as many bytes as they have")
    func writing() {
        var bytes: [UInt8] = [9]
        bytes.append(littleEndian: UInt16(0x0201))
        bytes.append(zeros: 3)
        #expect(bytes == [9, 1, 2, 0, 0, 0])
        bytes.replace(at: 2, littleEndian: UInt32(0x0807_0605))
        #expect(bytes == [9, 1, 5, 6, 7, 8])
    }

    @Test("Text in hexadecimal has two digits for each byte, and nothing else is read as such")
    func hexadecimalText() {
        #expect(Hexadecimal.text(of: [0, 0x0F, 0xA0, 0xFF]) == "000fa0ff")
        #expect(Hexadecimal.bytes(of: "000fA0FF") == [0, 0x0F, 0xA0, 0xFF])
        #expect(Hexadecimal.bytes(of: "") == [])
        for wrong in ["0", "0g", "0x00", " 00", "é0", "００"] { #expect(Hexadecimal.bytes(of: wrong) == nil, "\(wrong)") }
        #expect(hexadecimal(UInt64.max) == "0xffffffffffffffff" && hexadecimal(UInt8(0)) == "0x0")
    }

    @Test("JSON has its keys in order, and paths as they are")
    func json() throws {
        struct Value: Encodable {
            var b = "/a/b"
            var a = 1
        }
        #expect(try StableJSON.text(of: Value()) == #"{"a":1,"b":"/a/b"}"#)
        let lines = try StableJSON.text(of: Value(), indented: true).split(separator: "\n")
        #expect(lines.count == 4 && lines[1].contains("\"a\""))
    }
}
