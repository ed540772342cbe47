import Bytes
import Testing

@testable import Boot

@Suite("UEFI's variables")
struct FirmwareVariablesTests {
    private static let systemd: [UInt8] = [
        0x4B, 0x64, 0xF2, 0x8C, 0x0B, 0x4B, 0x8F, 0x42, 0x93, 0x87, 0x6D, 0x87, 0x60, 0x50, 0xDC, 0x67,
    ]

    private static func utf16(_ text: String) -> [UInt8] { (Array(text.utf16) + [0]).flatMap(\.littleEndianBytes) }

    /// A variable as edk2 writes it: a header of 60 bytes, name and data, to a multiple of 4.
    private static func variable(
        _ name: String, _ data: [UInt8], state: UInt8 = 0x3F, vendor: [UInt8] = systemd
    ) -> [UInt8] {
        var bytes: [UInt8] = [0xAA, 0x55, state, 0, 7, 0, 0, 0] + [UInt8](repeating: 0, count: 28)
        bytes += UInt32(utf16(name).count).littleEndianBytes + UInt32(data.count).littleEndianBytes + vendor
        bytes += utf16(name) + data
        return bytes + [UInt8](repeating: 0xFF, count: (4 - bytes.count % 4) % 4)
    }

    /// The beginning of a flash, as the template of Debian's AAVMF has it.
    private static func flash(_ variables: [UInt8]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 0x28) + Array("_FVH".utf8) + [0xFF, 0xFE, 4, 0, 0x48, 0]
        bytes.append(zeros: 0x48 - bytes.count)
        bytes += [0x78, 0x2C, 0xF3, 0xAA, 0x7B, 0x94, 0x9A, 0x43, 0xA1, 0x80, 0x2E, 0x14, 0x4E, 0xC3, 0x77, 0x92]
        bytes += UInt32(0x3FFB8).littleEndianBytes + [0x5A, 0xFE, 0, 0, 0, 0, 0, 0]
        return bytes + variables + [UInt8](repeating: 0xFF, count: 0x1000)
    }

    @Test("Those that are valid are read, and where systemd hibernated to is known by its GUID")
    func read() throws {
        let place = #"{"uuid":"1-2","offset":38912}"#
        let other = [UInt8](repeating: 1, count: 16)
        let variables = try #require(
            FirmwareVariables(
                flash: Self.flash(
                    Self.variable("BootOrder", [1, 0, 0], vendor: other)
                        + Self.variable("HibernateLocation", Self.utf16("old"), state: 0x3C)
                        + Self.variable("HibernateLocation", Self.utf16(place))
                        + Self.variable("HibernateLocation", Self.utf16("another's"), vendor: other))))
        #expect(variables.all.map(\.name) == ["BootOrder", "HibernateLocation", "HibernateLocation"])
        #expect(variables.all[0].data == [1, 0, 0] && variables.all[0].attributes == 7)
        #expect(variables.hibernateLocation == place)
    }

    @Test("A variable that is being replaced counts until its successor is whole, wherever the power went meanwhile")
    func replaced() throws {
        func text(_ variables: [UInt8]...) -> String? {
            FirmwareVariables(flash: Self.flash(variables.flatMap(\.self)))?.hibernateLocation
        }
        func location(_ text: String, _ state: UInt8) -> [UInt8] {
            Self.variable("HibernateLocation", Self.utf16(text), state: state)
        }
        #expect(text(location("old", 0x3E)) == "old")
        // Only its header is valid.
        #expect(text(location("old", 0x3E), location("new", 0x7F)) == "old")
        #expect(text(location("old", 0x3E), location("later", 0x3E)) == "later")
        #expect(text(location("old", 0x3E), location("new", 0x3F)) == "new")
        #expect(text(location("old", 0x3C), location("new", 0x3F)) == "new")
        // Its place was taken by a reclaim, which puts those that are whole first.
        #expect(text(location("new", 0x3F), location("old", 0x3E)) == "new")
    }

    @Test(
        "Behind a header that the power's failure left in part, edk2 goes on right behind the header", arguments: 2...60
    )
    func torn(byteCount: Int) throws {
        let whole = Self.variable("Another", [1, 2, 3], state: 0xFF)
        let header = Array(whole.prefix(byteCount)) + [UInt8](repeating: 0xFF, count: 60 - byteCount)
        let next = Self.variable("HibernateLocation", Self.utf16("x"))
        let variables = try #require(
            FirmwareVariables(flash: Self.flash(Self.variable("First", [1]) + header + next)))
        #expect(variables.all.map(\.name).first == "First")
        #expect(variables.hibernateLocation == "x")
    }

    @Test("A flash without a store has none, one that was never used has no variables")
    func empty() throws {
        #expect(FirmwareVariables(flash: []) == nil)
        #expect(FirmwareVariables(flash: [UInt8](repeating: 0xFF, count: 0x1000)) == nil)
        #expect(try #require(FirmwareVariables(flash: Self.flash([]))).all.isEmpty)
    }

    @Test("Whatever is in it, it is read to an end", arguments: 0..<500)
    func hostile(seed: UInt64) {
        var random = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next() -> UInt64 {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return random
        }
        var bytes = Self.flash(Self.variable("A", [1, 2, 3]) + Self.variable("HibernateLocation", Self.utf16("x")))
        for _ in 0..<1 + next() % 8 {
            bytes[Int(next() % 0x100) + 0x28] = UInt8(truncatingIfNeeded: next() % 3 == 0 ? 0xFF : next())
        }
        bytes = Array(bytes.prefix(Int(next() % UInt64(bytes.count + 1))))
        if let variables = FirmwareVariables(flash: bytes) { #expect(variables.all.count < 100) }
    }
}
