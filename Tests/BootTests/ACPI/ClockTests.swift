import Foundation
import Testing

@testable import Boot

/// The calendar in the DSDT, run by ACPICA's interpreter and compared with Foundation's.
@Suite("The time and alarm device", .needsASLCompiler)
struct ClockTests {
    private static let dsdt: [UInt8] = {
        DSDT.bytes(of: .withACPI(virtioSlots: 0))
    }()

    /// Edges of days, months, leap years and centuries, and what lies between.
    private static let times: [UInt32] =
        [
            0, 1, 86_399, 86_400, 68_169_599, 68_169_600, 951_782_399, 951_782_400, 951_868_800, 1_709_164_799,
            1_709_164_800, 1_709_251_200, 1_767_225_599, 1_767_225_600, 1_795_809_732, 4_107_542_399, 4_107_542_400,
            .max,
        ] + (1...8).map { $0 &* 509_876_543 }

    private static var calendar: Calendar {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(secondsFromGMT: 0) ?? .current
        return calendar
    }

    /// ACPI 6.5, section 9.17.3: year, month, day, hour, minute, second, valid, milliseconds, time zone, daylight,
    /// padding.
    private static func buffer(_ time: UInt32, valid: UInt8) -> [UInt8] {
        let parts = calendar.dateComponents(
            [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: TimeInterval(time)))
        let year = UInt16(parts.year ?? 0)
        return [UInt8(year & 0xFF), UInt8(year >> 8)]
            + [parts.month, parts.day, parts.hour, parts.minute, parts.second].map { UInt8($0 ?? 0) }
            + [valid] + [UInt8](repeating: 0, count: 8)
    }

    @Test("Seconds become the date that they are")
    func dates() throws {
        let answers = try ASLCompiler.evaluate(
            Self.times.map { "\\_SB.CLCK.DATE 0x\(String($0, radix: 16))" }, dsdt: Self.dsdt)
        for (time, answer) in zip(Self.times, answers) {
            let expected = Self.buffer(time, valid: 1).map(Self.hexadecimal).joined(separator: " ")
            #expect(answer.contains("Length 10 =") && answer.contains(expected), "\(time): \(answer)")
        }
    }

    @Test("A date becomes the seconds that it is")
    func seconds() throws {
        let answers = try ASLCompiler.evaluate(
            Self.times.map { time in
                let buffer = Self.buffer(time, valid: 0).map(Self.hexadecimal).joined(separator: " ")
                return "\\_SB.CLCK.SECS (\(buffer))"
            }, dsdt: Self.dsdt)
        for (time, answer) in zip(Self.times, answers) {
            let digits = String(time, radix: 16, uppercase: true)
            let expected = "[Integer] = " + String(repeating: "0", count: 16 - digits.count) + digits
            #expect(answer.contains(expected), "\(time): \(answer)")
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16, uppercase: true)
        return text.count == 1 ? "0" + text : text
    }
}
