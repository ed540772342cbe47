// A program of EL0, and its record: what the test process, `Tests/Oracle/runner.S` under qemu-aarch64 and our own side
// agree on.

import Arm64
import Emulator
import Hypervisor

/// `Tests/Oracle/record.h` with PROGRAMS, in Swift; the two change together. The state is as in `OracleRecord`.
enum UserProgramRecord {
    static let code = OracleRecord.code
    static let codeByteCount = 0x600
    static let counters = 0x940
    static let countersByteCount = 0x40
    static let data = 0x980
    static let byteCount = 0x2980
    static let maximumCount = 80
    /// The bytes that both sides leave alike: x, SP, v, PC, NZCV, FPCR and FPSR.
    static let state = 0..<OracleRecord.cause
    /// The words that a program may have.
    static let maximumWords = codeByteCount / 4 - OracleRecord.prologue.count

    /// Where the code of slot `index` of a batch lies, with the runner's own words before the first.
    static func codeAddress(ofSlot index: Int) -> UInt64 { OracleLayout.code + UInt64(index * codeByteCount) }

    /// Where the first word lies.
    static func start(ofSlot index: Int) -> UInt64 {
        codeAddress(ofSlot: index) + UInt64(OracleRecord.prologue.count * 4)
    }
}

/// A program, ready to run.
struct UserProgram {
    var slot: Int
    /// The state before, as the first bytes of a record.
    var state: [UInt8]
    /// The writable data pages.
    var data: [UInt8]
    /// How often each loop goes round.
    var counters: [UInt64]
    var words: [UInt32]
    /// Words that have to stay what they are if the program is to end.
    var control: Set<Int>

    var start: UInt64 { UserProgramRecord.start(ofSlot: slot) }

    /// Fills a record.
    func store(to record: UnsafeMutableRawBufferPointer) {
        record.copyBytes(from: state)
        let code = UnsafeMutableRawBufferPointer(
            rebasing: record[
                UserProgramRecord.code..<UserProgramRecord.code + UserProgramRecord.codeByteCount])
        for (index, word) in OracleRecord.prologue.enumerated() {
            code.storeBytes(of: word, toByteOffset: index * 4, as: UInt32.self)
        }
        let first = OracleRecord.prologue.count
        for index in 0..<UserProgramRecord.maximumWords {
            code.storeBytes(
                of: index < words.count ? words[index] : OracleRecord.end, toByteOffset: (first + index) * 4,
                as: UInt32.self)
        }
        for index in 0..<UserProgramRecord.countersByteCount / 8 {
            record.storeBytes(
                of: index < counters.count ? counters[index] : 0, toByteOffset: UserProgramRecord.counters + index * 8,
                as: UInt64.self)
        }
        UnsafeMutableRawBufferPointer(rebasing: record[UserProgramRecord.data...]).copyBytes(from: data)
    }
}

extension EmulatedGuest {
    /// Runs the program of a record in `slot`, and compares with what the oracle made of the same record, and unless told
    /// otherwise of the code; nil if they are alike. A difference is told by our own record.
    func difference(
        running program: UnsafeRawBufferPointer, slot: Int, from oracle: UnsafeRawBufferPointer,
        comparesCode: Bool = true
    ) throws -> [UInt8]? {
        typealias Layout = EmulatedGuest.Layout
        typealias Record = UserProgramRecord
        let parts: [(offset: Int, count: Int, address: UInt64)] = [
            (Record.code, Record.codeByteCount, Record.codeAddress(ofSlot: slot)),
            (Record.counters, Record.countersByteCount, ProgramLayout.counters),
            (Record.data, OracleRecord.dataByteCount, OracleLayout.data),
        ]
        for part in parts + [(0, OracleRecord.stateByteCount, Layout.record)] {
            memory.write(
                UnsafeRawBufferPointer(rebasing: program[part.offset..<part.offset + part.count]), at: part.address)
        }
        let ended = try enter()
        func isEqual(_ offset: Int, _ count: Int, _ address: UInt64) -> Bool {
            guard let own = memory.contents(at: address, count: UInt64(count)) else { return false }
            return UnsafeRawBufferPointer(start: own, count: count)
                .isEqual(to: UnsafeRawBufferPointer(rebasing: oracle[offset..<offset + count]))
        }
        if ended, isEqual(0, Record.state.count, Layout.record),
            parts.dropFirst(comparesCode ? 0 : 1).allSatisfy({ isEqual($0.offset, $0.count, $0.address) }),
            let own = memory.contents(at: Layout.record, count: UInt64(OracleRecord.stateByteCount)),
            OracleCause(ofExceptionIn: UnsafeRawBufferPointer(start: own, count: OracleRecord.stateByteCount))
                == OracleCause(ofSignalIn: oracle)
        {
            return nil
        }
        var record = memory.read(at: Layout.record, count: OracleRecord.stateByteCount) ?? []
        for part in parts { record += memory.read(at: part.address, count: part.count) ?? [] }
        if !ended { for index in 0..<OracleRecord.stateByteCount { record[index] = 0 } }
        return record
    }
}

extension UnsafeRawBufferPointer {
    /// As `elementsEqual`, of buffers of one length that is a multiple of 8.
    func isEqual(to other: UnsafeRawBufferPointer) -> Bool {
        let (one, other) = (bindMemory(to: UInt64.self), other.bindMemory(to: UInt64.self))
        var difference: UInt64 = 0
        for index in one.indices { difference |= one[index] ^ other[index] }
        return difference == 0
    }
}
