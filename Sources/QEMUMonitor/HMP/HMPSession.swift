// One client's conversation in HMP: lines, and a prompt behind what each gives.
//
// What is typed is not shown: a terminal does that itself.

/// What a person, or a program that expects one's prompt, and a monitor say to each other.
struct HMPSession: MonitorSession {
    /// The longest line in bytes.
    static let maximumLineByteCount = 4096
    private static let prompt = "(qemu) "

    private let monitor: Monitor
    private var line: [UInt8] = []
    private var isTooLong = false
    /// The line ended with a carriage return, and a newline behind it is no other one.
    private var endsWithReturn = false

    init(_ monitor: Monitor) { self.monitor = monitor }

    let takesEvents = false

    var greeting: [UInt8] {
        let names = monitor.identity
        return Array(
            "QEMU \(names.versionText) monitor (\(names.package)) - type 'help' for more information\r\n\(Self.prompt)"
                .utf8)
    }

    mutating func hear(_ bytes: inout ArraySlice<UInt8>) -> MonitorReply? {
        while let byte = bytes.popFirst() {
            let isReturn = byte == UInt8(ascii: "\r")
            guard isReturn || byte == UInt8(ascii: "\n") else {
                endsWithReturn = false
                if line.count < Self.maximumLineByteCount { line.append(byte) } else { isTooLong = true }
                continue
            }
            let endsTwice = endsWithReturn && !isReturn
            endsWithReturn = isReturn
            if !endsTwice { return end() }
        }
        return nil
    }

    private mutating func end() -> MonitorReply {
        defer {
            line = []
            isTooLong = false
        }
        let answer =
            isTooLong
            ? HMPCommand.Answer(text: "Error: the line is too long\r\n")
            : HMPCommand.execute(String(decoding: line, as: UTF8.self), monitor)
        return MonitorReply(bytes: Array((answer.text + Self.prompt).utf8), then: answer.then)
    }
}
