// Where a wall program lies: its pages, its tables, and the monitor that takes its exceptions.
//
// Each slot of a machine has memory of its own for one program, and all slots map theirs at the same addresses. What an
// engine left of a program in its slot is compared with what another one did.

import Hypervisor

enum WallLayout {
    static let pageByteCount: UInt64 = 0x1000
    static let ram: PhysicalAddress = 0x4000_0000
    static let ramByteCount: UInt64 = 0x10_0000
    /// The monitor's code, which all slots map.
    static let monitorFrame = ram
    /// What turns the MMU on.
    static let setUp = ram + pageByteCount
    static let slotCount = 4
    private static let slotByteCount: UInt64 = 0x2_0000

    static func slot(_ index: Int) -> PhysicalAddress { ram + slotByteCount * UInt64(index + 1) }

    /// Pages of a slot, by number.
    enum Frame {
        static let user = 0
        static let shared = 2
        static let kernel = 3
        static let data = 5
        static let readOnly = 7
        static let window = 8
        /// The last level of two trees for the lower half of the address space, and of the one for the upper half.
        static let lower = [10, 11]
        static let upper = 12
        static let parameters = 13
        static let log = 14
        /// All before are written before a program, and compared after it.
        static let count = 15
        static let lowerLevel2 = [15, 17]
        static let lowerLevel1 = [16, 18]
        static let upperLevel2 = 19
        static let upperLevel1 = 20
    }

    static let imageByteCount = Frame.count * Int(pageByteCount)

    static func frame(_ number: Int, ofSlot slot: Int) -> PhysicalAddress {
        self.slot(slot) + UInt64(number) * pageByteCount
    }

    // MARK: Virtual addresses

    /// 39 bits of address in each half.
    static let sizes: UInt64 = 25 | 25 << 16

    /// Two pages that EL0 executes, where drawn literal loads are near their data.
    ///
    /// Code is written through aliases only, a word at a time: a stray store could change what is executed before the
    /// next context synchronization, or that one itself, and old and new are both right then. (`ProgramTests` has code
    /// that writes its own page.)
    static let user: UInt64 = 0x4014_0000
    /// A page that both exception levels execute.
    static let shared: UInt64 = 0x4014_2000
    /// The same pages to be written.
    static let userAlias: UInt64 = 0x4014_4000
    static let sharedAlias: UInt64 = 0x4014_6000
    /// Four pages that are mapped to this and that while a program runs.
    static let window: UInt64 = 0x4014_8000
    static let windowCount = 4
    /// EL1's code, to be written, and the last level of the tables in use; EL1's only.
    static let kernelAlias: UInt64 = 0x4014_C000
    static let tablesAlias: UInt64 = 0x4015_0000
    /// EL1's code: the last two pages of the address space.
    static let kernel: UInt64 = 0xFFFF_FFFF_FFFF_E000
    static let monitor: UInt64 = 0xFFFF_FFFF_FFE0_0000
    static let log = monitor + pageByteCount
    static let parameters = log + pageByteCount

    /// What may be mapped in the window: pages of the slot.
    static let windowFrames = [Frame.user, Frame.user + 1, Frame.shared] + windowData
    /// What may be mapped there to be written.
    static let windowData = [Frame.window, Frame.window + 1]
    static let windowAttributes: [PageAttributes] = [
        userCode, sharedCode, .userData.union(.notGlobal), .data.union(.notGlobal), [.userData, .readOnly, .notGlobal],
        [.code, .readOnly, .notGlobal], [.innerShareable, .user, .notGlobal],
    ]

    private static let userCode: PageAttributes = [.userCode, .notGlobal]
    private static let sharedCode: PageAttributes = [.accessed, .innerShareable, .user, .readOnly, .notGlobal]

    /// The pages that a slot maps at first: virtual address, frame and attributes.
    static func lowerPages(tree: Int) -> [(address: UInt64, frame: Int, attributes: PageAttributes)] {
        func pages(_ address: UInt64, _ frame: Int, _ count: Int, _ attributes: PageAttributes)
            -> [(address: UInt64, frame: Int, attributes: PageAttributes)]
        {
            (0..<count).map { (address + UInt64($0) * pageByteCount, frame + $0, attributes) }
        }
        let userData = PageAttributes.userData.union(.notGlobal)
        let kernelData = PageAttributes.data.union(.notGlobal)
        var user = pages(user, Frame.user, 2, userCode)
        // The other tree has the two the other way round.
        if tree == 1 { (user[0].frame, user[1].frame) = (user[1].frame, user[0].frame) }
        return user + pages(shared, Frame.shared, 1, sharedCode)
            + pages(userAlias, Frame.user, 2, userData) + pages(sharedAlias, Frame.shared, 1, userData)
            + pages(window, Frame.window, 2, userData)
            + pages(kernelAlias, Frame.kernel, 2, kernelData) + pages(tablesAlias, Frame.lower[tree], 1, kernelData)
            + pages(OracleLayout.data, Frame.data, 2, userData)
            + pages(OracleLayout.readOnly, Frame.readOnly, 1, userData.union(.readOnly))
    }

    static let upperPages: [(address: UInt64, frame: Int, attributes: PageAttributes)] = [
        (kernel, Frame.kernel, [.code, .readOnly]), (kernel + pageByteCount, Frame.kernel + 1, [.code, .readOnly]),
        (log, Frame.log, .data), (parameters, Frame.parameters, .data),
    ]

    /// The place of an address's descriptor in its last level.
    static func index(_ address: UInt64) -> Int { Int(address >> 12 & 511) }

    // MARK: Contents of pages

    /// Of the log's page.
    enum Log {
        /// Where the next entry goes.
        static let cursor = 0
        /// Places of the schedule that are still to come, and the next one.
        static let remaining = 8
        static let schedule = 32
        /// x2 and x3 while the monitor runs.
        static let saved = 16
        static let entries = 64
        /// Vector, ESR, ELR, SPSR, FAR, SP_EL0, SP_EL1, x0 to x30: eight bytes each.
        static let entryByteCount = 304
        static let names =
            ["vector", "ESR", "ELR", "SPSR", "FAR", "SP_EL0", "SP_EL1"] + (0..<31).map { "x\($0)" }
    }

    /// Of the parameters' page.
    enum Parameters {
        /// x0 to x30, then these.
        static let spEL0 = 0xF8
        static let spEL1 = 0x100
        static let fpcr = 0x108
        static let fpsr = 0x110
        /// Pairs of a PC and an SPSR.
        static let schedule = 0x200
        static let scheduleLimit = 12
        /// FPCR, FPSR and the vector registers in the end.
        static let finalControl = 0x7F0
        static let finalVectors = 0x800
    }
}
