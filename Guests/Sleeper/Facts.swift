// What the guest sees of its machine, and what it has to find again (DEN0022 F.b §5.11.3): memory layout, devices, CPU
// and firmware.

import PSCI
import _Volatile

struct Facts {
    static var byteCount: UInt64 { 4096 }

    var cycle: UInt64 = 0
    var memoryChecksum: UInt64 = 0
    var counter: UInt64
    private var version: UInt64
    private var features: UInt64
    private var coreCount: UInt64
    private var mpidr: UInt64
    private var processorFeatures: UInt64
    private var counterFrequency: UInt64
    /// Of everything in the device tree but `/chosen`: RAM, devices, interrupts.
    private var tree: UInt64
    private var diskCapacity: UInt64
    private var diskFeatures: UInt64

    init(_ board: Board, _ disk: Disk) {
        counter = readVirtualCounter()
        version = UInt64(bitPattern: board.firmware.call(.psciVersion, .smc32))
        features = Self.featuresHash(board.firmware)
        coreCount = UInt64(board.coreCount)
        mpidr = readMPIDR()
        processorFeatures = readIDAA64PFR0()
        counterFrequency = readCounterFrequency()
        tree = Self.treeHash(board)
        diskCapacity = disk.capacity
        diskFeatures = disk.features
    }

    /// Of what PSCI_FEATURES says of every number that PSCI might use, in both widths.
    private static func featuresHash(_ firmware: GuestClient) -> UInt64 {
        var hash = Hash()
        for number in 0..<32 as Range<UInt64> {
            hash.add(UInt64(bitPattern: firmware.call(.psciFeatures, .smc32, 0x8400_0000 + number)))
            hash.add(UInt64(bitPattern: firmware.call(.psciFeatures, .smc32, 0xC400_0000 + number)))
        }
        return hash.value
    }

    private static func treeHash(_ board: Board) -> UInt64 {
        var hash = Hash()
        board.deviceTree?.forEachProperty { depth, node, property, value in
            // What is new at every boot.
            guard !node.equals("chosen") else { return }
            hash.add(UInt64(depth))
            hash.add(node)
            hash.add(property)
            hash.add(value)
        }
        return hash.value
    }

    /// As `store` left them.
    init(at address: UInt) {
        func word(_ index: UInt) -> UInt64 {
            VolatileMappedRegister<UInt64>(unsafeBitPattern: address + index * 8).load()
        }
        cycle = word(0)
        memoryChecksum = word(1)
        counter = word(2)
        version = word(3)
        features = word(4)
        coreCount = word(5)
        mpidr = word(6)
        processorFeatures = word(7)
        counterFrequency = word(8)
        tree = word(9)
        diskCapacity = word(10)
        diskFeatures = word(11)
    }

    func store(at address: UInt) {
        func store(_ index: UInt, _ value: UInt64) {
            VolatileMappedRegister<UInt64>(unsafeBitPattern: address + index * 8).store(value)
        }
        store(0, cycle)
        store(1, memoryChecksum)
        store(2, counter)
        store(3, version)
        store(4, features)
        store(5, coreCount)
        store(6, mpidr)
        store(7, processorFeatures)
        store(8, counterFrequency)
        store(9, tree)
        store(10, diskCapacity)
        store(11, diskFeatures)
    }

    /// Checks each fact; returns whether all are as they were.
    func check(_ tap: inout TAP, today: Facts) -> Bool {
        var isSame = true
        func check(_ same: Bool, _ name: StaticString) {
            tap.check(same, name)
            isSame = isSame && same
        }
        check(version == today.version, "PSCI_VERSION is as it was")
        check(features == today.features, "PSCI_FEATURES answers as it did")
        check(coreCount == today.coreCount, "the number of cores is as it was")
        check(mpidr == today.mpidr, "MPIDR_EL1 is as it was")
        check(processorFeatures == today.processorFeatures, "ID_AA64PFR0_EL1 is as it was")
        check(counterFrequency == today.counterFrequency, "CNTFRQ_EL0 is as it was")
        check(tree == today.tree, "the device tree is as it was")
        check(diskCapacity == today.diskCapacity, "the disk's size is as it was")
        check(diskFeatures == today.diskFeatures, "the disk's features are as they were")
        return isSame
    }
}
