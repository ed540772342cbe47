// What a debugger asks about the server and the machine.

import Bytes

extension GDBSession {
    mutating func answer(toQuery text: inout PacketText) -> Answer {
        if text.take("Supported") {
            let size = String(PacketReader.maximumByteCount, radix: 16)
            return .text("PacketSize=\(size);qXfer:features:read+;vContSupported+;QStartNoAckMode+")
        }
        if text.take("Xfer:features:read:") { return description(&text) }
        if text.take("fThreadInfo") {
            return .text("m" + (0..<machine.cpuCount).map(Self.thread).joined(separator: ","))
        }
        if text.take("sThreadInfo") { return .text("l") }
        if text.take("ThreadExtraInfo,") {
            guard let cpu = cpu(&text) else { return .error(.noCPU) }
            return .text(Hexadecimal.text(of: "CPU#\(cpu) [\(machine.activity(of: cpu))]".utf8))
        }
        if text.take("Attached") { return .text("1") }
        if text.take("Rcmd,") { return command(&text) }
        if text.take("qemu.PhyMemMode") { return .text(usesPhysicalAddresses ? "1" : "0") }
        if text.take("qemu.Supported") { return .text("PhyMemMode") }
        if text.text == "C" { return .text("QC\(Self.thread(currentCPU))") }
        return .unknown
    }

    /// A part of a document: `name:offset,length`.
    private func description(_ text: inout PacketText) -> Answer {
        guard let name = text.take(until: ":"), let offset = text.takeNumber(), text.take(","),
            let length = text.takeNumber(), text.isAtEnd
        else { return .error(.invalid) }
        let document = Array(TargetDescription.text.utf8)
        guard name == TargetDescription.name else { return .text("E00") }
        guard offset <= UInt64(document.count) else { return .text("E01") }
        // Escaped it may be twice as long.
        let count = Int(min(length, UInt64(PacketReader.maximumByteCount / 2 - 1)))
        let part = document[Int(offset)...].prefix(count)
        let isLast = part.endIndex == document.endIndex
        return .bytes([UInt8(ascii: isLast ? "l" : "m")] + Packet.escaped(part))
    }

    /// The most of a monitor's answer that one packet has.
    private static let outputByteCount = 2048

    /// A line for the monitor: what it says is shown by `O` packets.
    private func command(_ text: inout PacketText) -> Answer {
        guard let bytes = text.bytes() else { return .error(.invalid) }
        guard let output = machine.monitor(String(decoding: bytes, as: UTF8.self)) else { return .unknown }
        var rest = Array(output.utf8)[...]
        var packets: [String] = []
        while !rest.isEmpty {
            packets.append("O" + Hexadecimal.text(of: rest.prefix(Self.outputByteCount)))
            rest = rest.dropFirst(Self.outputByteCount)
        }
        return .packets(packets, last: "OK")
    }
}
