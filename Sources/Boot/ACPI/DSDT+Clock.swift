// The wall clock: a Time and Alarm Device over a PL031. ACPI 6.5, section 9.17.
//
// No driver of Linux binds to a PL031 that ACPI describes, but this device has one, and it makes a real-time clock. The
// PL031 counts seconds, _GRT and _SRT speak of dates: the arithmetic between them is AML. It counts years from the
// first of March, so that a leap day is the last of its year, and eras of 400 years, which all have the same number of
// days.

import Hypervisor

extension DSDT {
    /// Seconds, and days, that the arithmetic needs.
    private enum Calendar {
        static let secondsInDay = AML.integer(86_400)
        static let daysInEra = AML.integer(146_097)
        static let yearsInEra = AML.integer(400)
        /// Days from 0000-03-01, where an era begins, to 1970-01-01.
        static let epoch = AML.integer(719_468)
    }

    /// Bits of _GCP (section 9.17.2).
    private enum Capability {
        static let realTime: UInt64 = 1 << 2
    }

    /// The fields of the buffer that _GRT returns and _SRT takes (section 9.17.3).
    private static let timeFields: [(name: String, offset: UInt64, size: AML.FieldSize)] = [
        ("YEAR", 0, .word), ("MON", 2, .byte), ("DAY", 3, .byte), ("HOUR", 4, .byte), ("MIN", 5, .byte),
        ("SEC", 6, .byte),
    ]
    /// Whether _GRT could read the time.
    private static let validOffset = 7
    /// Bytes of that buffer. What has no name here is zero: milliseconds, an offset from UTC, and daylight saving.
    private static let timeByteCount = 16

    /// PL031: seconds now (RTCDR), and where new ones are loaded (RTCLR), with RTCMR between.
    private static let rtcRegisters: [String?] = ["RTDR", nil, "RTLR"]

    static func clock(_ rtc: BoardDescription.Device) -> AML {
        let template = (0..<timeByteCount).map { UInt8($0 == validOffset ? 1 : 0) }
        return .device(
            "CLCK",
            [
                .hardwareID("ACPI000E"), .uniqueID(0),
                .registers("RTC", at: rtc.registers.prefix(12), rtcRegisters),
                .name("TIME", .buffer(template)),
            ] + fields(of: .object("TIME")) + [
                // Before their calls: a disassembler has to know how many arguments they take.
                .method("DATE", arguments: 1, date),
                .method("SECS", arguments: 1, seconds),
                .method("_GCP", [.result(.integer(Capability.realTime))]),
                .method("_GRT", [.result(.call("DATE", .object("RTDR")))]),
                .method(
                    "_SRT", arguments: 1,
                    [.store(.call("SECS", .argument(0)), in: .object("RTLR")), .result(.integer(0))]),
            ])
    }

    private static func fields(of buffer: AML) -> [AML] {
        timeFields.map { .field($0.name, of: buffer, at: $0.offset, $0.size) }
    }

    /// A date from the seconds since 1970 in argument 0.
    private static var date: [AML] {
        let (day, year, month) = (AML.local(0), AML.local(1), AML.local(2))
        let second = AML.local(3)
        let era = AML.local(4)
        func n(_ value: UInt64) -> AML { .integer(value) }
        return [
            .store(.remainder(.argument(0), Calendar.secondsInDay), in: second),
            .store(.sum(.quotient(.argument(0), Calendar.secondsInDay), Calendar.epoch), in: day),
            .store(.quotient(day, Calendar.daysInEra), in: era),
            .store(.remainder(day, Calendar.daysInEra), in: day),
            // The year of the era: the days, less the leap days before them, by 365.
            .store(
                .quotient(
                    .difference(
                        .sum(.difference(day, .quotient(day, n(1460))), .quotient(day, n(36_524))),
                        .quotient(day, n(146_096))),
                    n(365)),
                in: year),
            // The day of the year, from the first of March.
            .store(
                .difference(
                    day,
                    .difference(
                        .sum(.product(year, n(365)), .quotient(year, n(4))), .quotient(year, n(100)))),
                in: day),
            // Months from March on have 153 days in each five.
            .store(.quotient(.sum(.product(day, n(5)), n(2)), n(153)), in: month),
            .store(
                .sum(.difference(day, .quotient(.sum(.product(month, n(153)), n(2)), n(5))), n(1)), in: .object("DAY")),
            .store(.sum(year, .product(era, Calendar.yearsInEra)), in: year),
            .store(.sum(month, n(3)), in: month),
            // January and February are the end of the year before.
            .when(
                .isLess(n(12), than: month),
                [.store(.difference(month, n(12)), in: month), .store(.sum(year, n(1)), in: year)]),
            .store(year, in: .object("YEAR")),
            .store(month, in: .object("MON")),
            .store(.quotient(second, n(3600)), in: .object("HOUR")),
            .store(.remainder(.quotient(second, n(60)), n(60)), in: .object("MIN")),
            .store(.remainder(second, n(60)), in: .object("SEC")),
            .result(.object("TIME")),
        ]
    }

    /// The seconds since 1970 of the date in argument 0.
    private static var seconds: [AML] {
        let (day, year, month) = (AML.local(0), AML.local(1), AML.local(2))
        let era = AML.local(4)
        func n(_ value: UInt64) -> AML { .integer(value) }
        // January and February are the months 10 and 11 of the year before.
        let beforeMarch = AML.when(.isLess(.object("MON"), than: n(3)), [.store(.difference(year, n(1)), in: year)])
        return fields(of: .argument(0)) + [
            .store(.object("YEAR"), in: year),
            beforeMarch,
            .store(.remainder(.sum(.object("MON"), n(9)), n(12)), in: month),
            .store(.quotient(year, Calendar.yearsInEra), in: era),
            .store(.remainder(year, Calendar.yearsInEra), in: year),
            .store(.quotient(.sum(.product(month, n(153)), n(2)), n(5)), in: day),
            .store(.sum(day, .difference(.object("DAY"), n(1))), in: day),
            .store(.sum(day, .product(year, n(365))), in: day),
            .store(.sum(day, .difference(.quotient(year, n(4)), .quotient(year, n(100)))), in: day),
            .store(.difference(.sum(day, .product(era, Calendar.daysInEra)), Calendar.epoch), in: day),
            .result(
                .sum(
                    .product(day, Calendar.secondsInDay),
                    .sum(
                        .product(.object("HOUR"), n(3600)),
                        .sum(.product(.object("MIN"), n(60)), .object("SEC"))))),
        ]
    }
}
