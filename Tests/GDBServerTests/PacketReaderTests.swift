// Examples are of GDB's manual, appendix E, where it has some.

import Testing

@testable import GDBServer

@Suite("Packets of debuggers")
struct PacketReaderTests {
    private func events(_ parts: String...) -> [PacketEvent] {
        var reader = PacketReader()
        var events: [PacketEvent] = []
        for part in parts {
            var bytes = Array(part.utf8)[...]
            while let event = reader.next(&bytes) { events.append(event) }
            #expect(bytes.isEmpty)
        }
        return events
    }

    private func packet(_ text: String) -> PacketEvent { .packet(Array(text.utf8)) }

    @Test("Packets are cut wherever the network cuts them, and what is between is left out")
    func cutting() {
        #expect(events("+$g#67+$qC#b4") == [packet("g"), packet("qC")])
        #expect(events("+", "$", "q", "C", "#", "b", "4") == [packet("qC")])
        #expect(events("$#00") == [packet("")])
        #expect(events("$OK#9a$OK#9A") == [packet("OK"), packet("OK")])
        #expect(events("noise") == [])
    }

    @Test("A wrong sum, half a packet and one that is too long are no packets, and the next one is")
    func damage() {
        #expect(events("$g#68$g#67") == [.damaged, packet("g")])
        #expect(events("$g#6$g#67") == [packet("g")])
        #expect(events("$g#zz$g#67") == [.damaged, packet("g")])
        #expect(events("$m1000,$g#67") == [packet("g")])
        let long = String(repeating: "A", count: PacketReader.maximumByteCount + 1)
        #expect(events("$\(long)#00$g#67") == [.damaged, packet("g")])
    }

    @Test("Ctrl-C is a key outside of packets, and a byte inside")
    func interrupt() {
        #expect(events("\u{3}", "-", "$\u{3}#03") == [.interrupt, .repeatLast, packet("\u{3}")])
    }

    @Test("What means something in a packet is escaped, and read back")
    func escaping() {
        let bytes = Array(UInt8.min...UInt8.max)
        let escaped = Packet.escaped(bytes)
        #expect(escaped.count == 256 + 4)
        #expect(!escaped.contains(UInt8(ascii: "#")) && !escaped.contains(UInt8(ascii: "$")))
        #expect(Packet.unescaped(escaped[...]) == bytes)
        // The manual's: 0x7d is sent as 0x7d 0x5d.
        #expect(Packet.escaped([0x7D]) == [0x7D, 0x5D])
        #expect(Packet.unescaped([0x7D]) == nil)
    }
}
