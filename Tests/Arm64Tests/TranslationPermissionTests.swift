// Access permissions, and the hardware update of access flag and dirty state. The tables are those of DDI 0487, D8.4.

import Arm64
import Testing

@Suite struct TranslationPermissionTests {
    /// What EL1 and EL0 may do, as the Arm ARM's table of stage 1 permissions says with WXN clear.
    struct Row: Sendable {
        let ap: UInt64
        let uxn: Bool
        let pxn: Bool
        let el1: String
        let el0: String
    }

    static let table: [Row] = [
        Row(ap: 0b00, uxn: false, pxn: false, el1: "rwx", el0: "--x"),
        Row(ap: 0b00, uxn: false, pxn: true, el1: "rw-", el0: "--x"),
        Row(ap: 0b00, uxn: true, pxn: false, el1: "rwx", el0: "---"),
        Row(ap: 0b00, uxn: true, pxn: true, el1: "rw-", el0: "---"),
        Row(ap: 0b01, uxn: false, pxn: false, el1: "rw-", el0: "rwx"),
        Row(ap: 0b01, uxn: false, pxn: true, el1: "rw-", el0: "rwx"),
        Row(ap: 0b01, uxn: true, pxn: false, el1: "rw-", el0: "rw-"),
        Row(ap: 0b01, uxn: true, pxn: true, el1: "rw-", el0: "rw-"),
        Row(ap: 0b10, uxn: false, pxn: false, el1: "r-x", el0: "--x"),
        Row(ap: 0b10, uxn: false, pxn: true, el1: "r--", el0: "--x"),
        Row(ap: 0b10, uxn: true, pxn: false, el1: "r-x", el0: "---"),
        Row(ap: 0b10, uxn: true, pxn: true, el1: "r--", el0: "---"),
        Row(ap: 0b11, uxn: false, pxn: false, el1: "r-x", el0: "r-x"),
        Row(ap: 0b11, uxn: false, pxn: true, el1: "r--", el0: "r-x"),
        Row(ap: 0b11, uxn: true, pxn: false, el1: "r-x", el0: "r--"),
        Row(ap: 0b11, uxn: true, pxn: true, el1: "r--", el0: "r--"),
    ]

    /// The same, with WXN set: the Arm ARM's second column.
    static let tableWithWXN: [Row] =
        [
            Row(ap: 0b00, uxn: false, pxn: false, el1: "rw-", el0: "--x"),
            Row(ap: 0b00, uxn: false, pxn: true, el1: "rw-", el0: "--x"),
            Row(ap: 0b00, uxn: true, pxn: false, el1: "rw-", el0: "---"),
            Row(ap: 0b00, uxn: true, pxn: true, el1: "rw-", el0: "---"),
            Row(ap: 0b01, uxn: false, pxn: false, el1: "rw-", el0: "rw-"),
            Row(ap: 0b01, uxn: false, pxn: true, el1: "rw-", el0: "rw-"),
            Row(ap: 0b01, uxn: true, pxn: false, el1: "rw-", el0: "rw-"),
            Row(ap: 0b01, uxn: true, pxn: true, el1: "rw-", el0: "rw-"),
        ] + table.suffix(8)

    static func attributes(_ row: Row) -> UInt64 {
        Bits.af | row.ap << 6 | (row.uxn ? Bits.uxn : 0) | (row.pxn ? Bits.pxn : 0)
    }

    /// "rwx" as tried, one access after the other.
    static func observed(_ mapping: inout Mapping, privileged: Bool, pan: Bool = false) -> String {
        let kinds: [(TranslationAccess.Kind, Character)] = [(.read, "r"), (.write, "w"), (.execute, "x")]
        return String(
            kinds.map { kind, letter in
                switch mapping.translate(kind, privileged: privileged, pan: pan) {
                case .success: return letter
                case .failure(let fault): return fault == TranslationFault(.permission, level: 3) ? "-" : "?"
                }
            })
    }

    @Test("AP, UXN and PXN permit what the table says", arguments: table)
    func permissions(row: Row) {
        var mapping = Mapping(address: 0x1000, attributes: Self.attributes(row))
        #expect(Self.observed(&mapping, privileged: true) == row.el1)
        #expect(Self.observed(&mapping, privileged: false) == row.el0)
    }

    @Test("With WXN, what is writable is not executable", arguments: tableWithWXN)
    func permissionsWithWXN(row: Row) {
        var mapping = Mapping(address: 0x1000, attributes: Self.attributes(row))
        mapping.regime.sctlr |= SCTLR.wxn
        #expect(Self.observed(&mapping, privileged: true) == row.el1)
        #expect(Self.observed(&mapping, privileged: false) == row.el0)
    }

    @Test("With PAN, EL1 neither reads nor writes what EL0 may read; all else is as without", arguments: table)
    func permissionsWithPAN(row: Row) {
        var mapping = Mapping(address: 0x1000, attributes: Self.attributes(row))
        let el1 = row.ap & 1 == 1 ? "--" + row.el1.suffix(1) : row.el1
        #expect(Self.observed(&mapping, privileged: true, pan: true) == el1)
        #expect(Self.observed(&mapping, privileged: false, pan: true) == row.el0)
    }

    @Test("One translation's permissions serve every access", arguments: table)
    func permissionsOfOneTranslation(row: Row) throws {
        var mapping = Mapping(address: 0x1000, attributes: Self.attributes(row))
        let translation = try mapping.translate(.read).get()
        for (privileged, expected) in [(true, row.el1), (false, row.el0)] {
            let kinds: [TranslationAccess.Kind] = [.read, .write, .execute]
            for (kind, letter) in zip(kinds, expected) {
                let access = TranslationAccess(kind, privileged: privileged)
                #expect(translation.permissions.allows(access, pan: false) == (letter != "-"))
            }
        }
    }

    @Test("Table attributes restrict every level below", arguments: table)
    func hierarchicalPermissions(row: Row) {
        /// The row with the effective AP, UXN and PXN of D8.4.
        func effective(_ table: UInt64) -> Row {
            var ap = row.ap
            if table & Bits.apTable0 != 0 { ap &= ~1 }
            if table & Bits.apTable1 != 0 { ap |= 2 }
            let uxn = row.uxn || table & Bits.uxnTable != 0
            let pxn = row.pxn || table & Bits.pxnTable != 0
            return Self.table.first { $0.ap == ap && $0.uxn == uxn && $0.pxn == pxn }!
        }
        for bits in 0..<16 as Range<UInt64> {
            let table = bits << 59
            let expected = effective(table)
            for level in 0...2 {
                var mapping = Mapping(address: 0x1000, attributes: Self.attributes(row))
                mapping[level] |= table
                #expect(Self.observed(&mapping, privileged: true) == expected.el1)
                #expect(Self.observed(&mapping, privileged: false) == expected.el0)
            }
        }
    }
}

@Suite struct HardwareUpdateTests {
    @Test("With HA, the access flag is set by the walk, and only once")
    func accessFlag() throws {
        var mapping = Mapping(address: 0x1000, attributes: 0)
        mapping.regime.tcr |= TCR.ha
        let before = mapping[3]
        _ = try mapping.translate(.read).get()
        #expect(mapping[3] == before | Bits.af)
        _ = try mapping.translate(.read).get()
        #expect(mapping.memory.updates == 1)
    }

    @Test("HD without HA changes nothing")
    func dirtyStateNeedsAccessFlag() {
        var mapping = Mapping(address: 0x1000, attributes: Bits.af | Bits.dbm | Bits.ap2)
        mapping.regime.tcr |= TCR.hd
        #expect(fault(mapping.translate(.write)) == TranslationFault(.permission, level: 3))
    }

    @Test("A writable-clean page is reported as such, and made dirty by the first write only")
    func dirtyState() throws {
        var mapping = Mapping(address: 0x1000, attributes: Bits.dbm | Bits.ap2 | Bits.ap1)
        mapping.regime.tcr |= TCR.ha | TCR.hd
        let before = mapping[3]
        let read = try mapping.translate(.read).get()
        #expect(read.isClean)
        #expect(read.permissions.contains([.privilegedWrite, .unprivilegedWrite]))
        #expect(mapping[3] == before | Bits.af)
        let write = try mapping.translate(.write, privileged: false).get()
        #expect(!write.isClean)
        #expect(mapping[3] == before & ~Bits.ap2 | Bits.af)
        #expect(write.permissions == read.permissions)
        #expect(mapping.memory.updates == 2)
        #expect(try !mapping.translate(.read).get().isClean)
        #expect(mapping.memory.updates == 2)
    }

    @Test("A writable-clean page counts as writable for WXN, and for execution at EL1")
    func cleanIsWritable() throws {
        var mapping = Mapping(address: 0x1000, attributes: Bits.af | Bits.dbm | Bits.ap2 | Bits.ap1)
        mapping.regime.tcr |= TCR.ha | TCR.hd
        #expect(fault(mapping.translate(.execute)) == TranslationFault(.permission, level: 3))
        #expect(fault(mapping.translate(.execute, privileged: false)) == nil)
        mapping.regime.sctlr |= SCTLR.wxn
        #expect(fault(mapping.translate(.execute, privileged: false)) == TranslationFault(.permission, level: 3))
    }

    @Test("A read-only table keeps a page with DBM read-only and unchanged")
    func readOnlyTable() throws {
        var mapping = Mapping(
            address: 0x1000, attributes: Bits.af | Bits.dbm | Bits.ap2, tableAttributes: Bits.apTable1)
        mapping.regime.tcr |= TCR.ha | TCR.hd
        #expect(fault(mapping.translate(.write)) == TranslationFault(.permission, level: 3))
        #expect(try !mapping.translate(.read).get().isClean)
        #expect(mapping.memory.updates == 0)
    }

    @Test("A write that is not permitted updates nothing")
    func noUpdateOnPermissionFault() {
        var mapping = Mapping(address: 0x1000, attributes: Bits.dbm | Bits.ap2)
        mapping.regime.tcr |= TCR.ha | TCR.hd
        #expect(fault(mapping.translate(.write, privileged: false)) == TranslationFault(.permission, level: 3))
        #expect(mapping.memory.updates == 0)
    }

    @Test("A translation that is only asked for, as by AT, does not make a page dirty")
    func probe() throws {
        var mapping = Mapping(address: 0x1000, attributes: Bits.af | Bits.dbm | Bits.ap2)
        mapping.regime.tcr |= TCR.ha | TCR.hd
        let access = TranslationAccess(.write, privileged: true, setsDirtyState: false)
        let result = mapping.regime.translate(0x1000, for: access, pan: false, memory: &mapping.memory)
        #expect(try result.get().isClean)
        #expect(mapping.memory.updates == 0)
    }

    @Test("When another observer changes the descriptor meanwhile, the walk starts again")
    func lostUpdate() throws {
        var mapping = Mapping(address: 0x1000, attributes: 0)
        mapping.regime.tcr |= TCR.ha
        // First another output address, still without the flag; then no translation at all.
        let moved = 0x5000_0000 | Bits.valid | Bits.tableOrPage
        mapping.memory.interference = [moved]
        #expect(try mapping.translate().get().physicalAddress == 0x5000_0000)
        #expect(mapping[3] == moved | Bits.af)
        mapping[3] = moved
        mapping.memory.interference = [0]
        #expect(fault(mapping.translate()) == TranslationFault(.translation, level: 3))
        #expect(mapping[3] == 0)
    }

    @Test("An update that aborts is an external abort of the walk")
    func abortedUpdate() {
        var mapping = Mapping(address: 0x1000, leafLevel: 2, attributes: 0)
        mapping.regime.tcr |= TCR.ha
        mapping.memory.refusesUpdates = true
        #expect(fault(mapping.translate()) == TranslationFault(.externalAbortOnWalk, level: 2))
    }
}
