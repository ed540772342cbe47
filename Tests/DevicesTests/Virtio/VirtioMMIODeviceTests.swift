import Devices
import Hypervisor
import Testing

@Suite("virtio over MMIO")
struct VirtioMMIODeviceTests {
    private func makeDriver() throws -> TestDriver {
        try TestDriver(EntropyDevice(source: CountingSource()))
    }

    @Test("A slot identifies itself as modern virtio-mmio")
    func identification() throws {
        let driver = try makeDriver()
        // "virt", little-endian.
        #expect(driver.read(Register.magicValue) == 0x7472_6976)
        #expect(driver.read(Register.version) == 2)
        #expect(driver.read(Register.deviceID) == 4)
        #expect(VirtioMMIODevice.windowByteCount == 0x200)
    }

    @Test("An empty slot has device id 0 and nothing behind it")
    func emptySlot() throws {
        let driver = try TestDriver(nil)
        #expect(driver.read(Register.magicValue) == 0x7472_6976)
        #expect(driver.read(Register.version) == 2)
        for offset in stride(from: Register.deviceID, to: 0x200, by: 4) where offset != Register.vendorID {
            driver.write(offset, UInt32.max)
            #expect(driver.read(offset) == 0)
        }
        driver.mmio.reset()
        #expect(driver.mmio.offeredFeatures == [])
    }

    @Test("The offered features are read in two halves, and further ones are zero")
    func deviceFeatures() throws {
        let driver = try makeDriver()
        #expect(driver.deviceFeatures == Feature.indirectDesc | Feature.eventIdx | Feature.version1)
        #expect(driver.mmio.offeredFeatures.rawValue == driver.deviceFeatures)
        for selector: UInt32 in [2, 3, UInt32.max] {
            driver.write(Register.deviceFeaturesSel, selector)
            #expect(driver.read(Register.deviceFeatures) == 0)
        }
    }

    @Test("FEATURES_OK stays set for any offered features with VERSION_1")
    func featuresAccepted() throws {
        let driver = try makeDriver()
        for features in [
            Feature.version1, Feature.version1 | Feature.eventIdx, Feature.version1 | Feature.indirectDesc,
            driver.deviceFeatures,
        ] {
            #expect(driver.negotiate(features))
        }
    }

    @Test("FEATURES_OK is refused without VERSION_1, and for features that were not offered")
    func featuresRefused() throws {
        let driver = try makeDriver()
        for features in [0, Feature.eventIdx, Feature.version1 | 1, Feature.version1 | 1 << 33, UInt64.max] {
            #expect(!driver.negotiate(features))
            driver.addStatus(Status.driverOK)
            #expect(driver.status == Status.acknowledge | Status.driver)
        }
    }

    @Test("FEATURES_OK is refused for a feature past bit 63")
    func unknownFeatures() throws {
        let driver = try makeDriver()
        driver.write(Register.status, 0)
        driver.addStatus(Status.acknowledge | Status.driver)
        driver.writeDriverFeatures(Feature.version1)
        driver.write(Register.driverFeaturesSel, 2)
        driver.write(Register.driverFeatures, 1)
        driver.addStatus(Status.featuresOK)
        #expect(driver.status & Status.featuresOK == 0)
        #expect(driver.negotiate(Feature.version1))
    }

    @Test("A driver that asked for too much may ask for less without a reset")
    func renegotiation() throws {
        let driver = try makeDriver()
        #expect(!driver.negotiate(Feature.version1 | 1))
        driver.writeDriverFeatures(Feature.version1)
        driver.addStatus(Status.featuresOK)
        #expect(driver.status & Status.featuresOK != 0)
    }

    @Test("Features written after FEATURES_OK change nothing")
    func featuresAreFixed() throws {
        let driver = try makeDriver()
        driver.negotiate(Feature.version1)
        driver.writeDriverFeatures(Feature.version1 | Feature.indirectDesc)
        let queue = TestQueue(memory: driver.memory, index: 0, size: 4, base: driver.allocate(4096))
        driver.setUp(queue)
        driver.addStatus(Status.driverOK)
        queue.addIndirect([driver.writable(8)], table: driver.allocate(16))
        driver.notify()
        #expect(driver.mmio.fault == .indirectNotAllowed)
    }

    @Test("Status bits are only set by the driver, never cleared but by a reset, and DEVICE_NEEDS_RESET is not its own")
    func statusBits() throws {
        let driver = try makeDriver()
        driver.write(Register.status, Status.acknowledge | Status.driver)
        driver.write(Register.status, Status.acknowledge)
        #expect(driver.status == Status.acknowledge | Status.driver)
        driver.write(Register.status, Status.needsReset | 0x30 | 0xFFFF_FF00)
        #expect(driver.status == Status.acknowledge | Status.driver)
        driver.write(Register.status, 128)
        #expect(driver.status == Status.acknowledge | Status.driver | 128)
        driver.write(Register.status, 0)
        #expect(driver.status == 0)
    }

    @Test("Control registers answer 32-bit aligned accesses only")
    func accessSizes() throws {
        let driver = try makeDriver()
        for size in [1, 2, 8] {
            #expect(driver.mmio.read(offset: Register.magicValue, size: size, cpu: 0) == 0)
            driver.mmio.write(offset: Register.status, size: size, value: 1, cpu: 0)
            #expect(driver.status == 0)
        }
        #expect(driver.mmio.read(offset: 1, size: 4, cpu: 0) == 0)
    }

    @Test("There are no shared memory regions, and QueueReset and ConfigGeneration are zero")
    func absentRegisters() throws {
        let driver = try makeDriver()
        for selector: UInt32 in [0, 1, 255] {
            driver.write(Register.shmSel, selector)
            for offset: UInt64 in [0x0B0, 0x0B4, 0x0B8, 0x0BC] {
                #expect(driver.read(offset) == UInt32.max)
            }
        }
        driver.write(Register.queueReset, 1)
        #expect(driver.read(Register.queueReset) == 0)
        #expect(driver.read(Register.configGeneration) == 0)
    }

    @Test("A queue that does not exist has size 0 and ignores everything")
    func absentQueue() throws {
        let driver = try makeDriver()
        #expect(driver.start())
        for selector: UInt32 in [1, 1000, UInt32.max] {
            driver.write(Register.queueSel, selector)
            #expect(driver.read(Register.queueNumMax) == 0)
            driver.write(Register.queueNum, 4)
            driver.write(Register.queueReady, 1)
            #expect(driver.read(Register.queueReady) == 0)
            driver.notify(selector)
        }
        #expect(driver.status & Status.needsReset == 0)
    }

    @Test(
        "A queue of a wrong size stays off, and the device needs a reset", arguments: [0, 3, 128, 1 << 16, UInt32.max])
    func wrongQueueSize(size: UInt32) throws {
        let driver = try makeDriver()
        driver.negotiate(Feature.version1)
        driver.write(Register.queueSel, 0)
        #expect(driver.read(Register.queueNumMax) == 64)
        driver.write(Register.queueNum, size)
        driver.write(Register.queueDescLow, address: TestDriver.base)
        driver.write(Register.queueDriverLow, address: TestDriver.base + 0x1000)
        driver.write(Register.queueDeviceLow, address: TestDriver.base + 0x2000)
        driver.write(Register.queueReady, 1)
        #expect(driver.read(Register.queueReady) == 0)
        #expect(driver.status & Status.needsReset != 0)
        #expect(driver.mmio.fault == .queueSize(size))
        // §2.1.2: a driver that is not up is not notified.
        #expect(!driver.interrupt.level)
    }

    private static let ramEnd = TestDriver.base + (16 << 20)

    static let wrongAreas: [(register: UInt64, address: UInt64)] = [
        (Register.queueDescLow, TestDriver.base + 8),
        (Register.queueDriverLow, TestDriver.base + 1),
        (Register.queueDeviceLow, TestDriver.base + 2),
        (Register.queueDescLow, 0),
        (Register.queueDescLow, TestDriver.base - 16),
        (Register.queueDriverLow, ramEnd),
        // The used area of 64 entries is 518 bytes long.
        (Register.queueDeviceLow, ramEnd - 516),
        (Register.queueDescLow, UInt64.max - 15),
        (Register.queueDeviceLow, UInt64.max - 3),
    ]

    @Test("A queue area that is misaligned or not in RAM keeps the queue off", arguments: wrongAreas)
    func wrongQueueAddress(register: UInt64, address: UInt64) throws {
        let driver = try makeDriver()
        driver.negotiate(Feature.version1)
        driver.write(Register.queueSel, 0)
        driver.write(Register.queueDescLow, address: TestDriver.base)
        driver.write(Register.queueDriverLow, address: TestDriver.base + 0x1000)
        driver.write(Register.queueDeviceLow, address: TestDriver.base + 0x2000)
        driver.write(register, address: address)
        driver.write(Register.queueReady, 1)
        #expect(driver.read(Register.queueReady) == 0)
        #expect(driver.mmio.fault == .queueAddress(address))
        driver.write(Register.status, 0)
        #expect(driver.status == 0)
        #expect(driver.mmio.fault == nil)
    }

    @Test("The registers of a queue do not change while it is ready")
    func readyQueueIsFixed() throws {
        let driver = try makeDriver()
        #expect(driver.start())
        for offset in [Register.queueNum, Register.queueDescLow, Register.queueDriverLow, Register.queueDeviceLow] {
            driver.write(offset, 1)
        }
        let buffer = driver.writable(8)
        driver.queues[0].add([buffer])
        driver.notify()
        #expect(driver.queues[0].takeUsed()?.length == 8)
        #expect(driver.status & Status.needsReset == 0)
    }

    @Test("Nothing is consumed before DRIVER_OK, and what was there is then found without a notification")
    func beforeDriverOK() throws {
        let driver = try makeDriver()
        driver.negotiate(Feature.version1)
        let queue = TestQueue(memory: driver.memory, index: 0, size: 4, base: driver.allocate(4096))
        driver.setUp(queue)
        queue.add([driver.writable(8)])
        driver.notify()
        #expect(queue.takeUsed() == nil)
        driver.addStatus(Status.driverOK)
        #expect(queue.takeUsed()?.length == 8)
        #expect(driver.interrupt.level)
    }

    @Test("QueueReady 0 takes the queue away, and it may be set up again")
    func queueStops() throws {
        let driver = try makeDriver()
        #expect(driver.start())
        driver.write(Register.queueSel, 0)
        driver.write(Register.queueReady, 0)
        #expect(driver.read(Register.queueReady) == 0)
        driver.queues[0].add([driver.writable(8)])
        driver.notify()
        #expect(driver.queues[0].takeUsed() == nil)

        let queue = TestQueue(memory: driver.memory, index: 0, size: 8, base: driver.allocate(4096))
        #expect(driver.setUp(queue))
        queue.add([driver.writable(8)])
        driver.notify()
        #expect(queue.takeUsed()?.length == 8)
    }

    @Test("The interrupt line follows InterruptStatus until it is acknowledged")
    func interrupts() throws {
        let driver = try makeDriver()
        #expect(driver.start(features: Feature.version1))
        driver.queues[0].add([driver.writable(8)])
        driver.notify()
        #expect(driver.interrupt.level)
        #expect(driver.read(Register.interruptStatus) == 1)
        // Acknowledging something else leaves it asserted.
        driver.write(Register.interruptACK, 2)
        #expect(driver.interrupt.level)
        #expect(driver.takeInterrupt() == 1)
        #expect(!driver.interrupt.level)
        #expect(driver.read(Register.interruptStatus) == 0)
    }

    @Test("A reset, by driver or machine, forgets everything and silences the line", arguments: [true, false])
    func reset(byDriver: Bool) throws {
        let driver = try makeDriver()
        #expect(driver.start())
        let old = driver.queues[0]
        old.add([driver.writable(8)])
        driver.notify()
        #expect(driver.interrupt.level)

        if byDriver {
            driver.write(Register.status, 0)
        } else {
            driver.mmio.reset()
        }
        #expect(driver.status == 0)
        #expect(!driver.interrupt.level)
        #expect(driver.read(Register.interruptStatus) == 0)
        driver.write(Register.queueSel, 0)
        #expect(driver.read(Register.queueReady) == 0)
        let used = old.usedIndex
        old.add([driver.writable(8)])
        driver.notify()
        #expect(old.usedIndex == used)
        #expect(driver.start())
    }

    @Test("The configuration space is read with 1, 2, 4 and 8 bytes at any offset, and zero past its end")
    func configurationSpace() throws {
        let disk = try TemporaryDisk(sectors: 0x0102)
        let driver = try TestDriver(BlockDevice(file: DiskFile(path: disk.path), serial: "", synchronous: true))
        let mmio = driver.mmio
        let configuration = Register.configuration
        #expect(mmio.read(offset: configuration, size: 1, cpu: 0) == 0x02)
        #expect(mmio.read(offset: configuration + 1, size: 1, cpu: 0) == 0x01)
        #expect(mmio.read(offset: configuration, size: 2, cpu: 0) == 0x0102)
        #expect(mmio.read(offset: configuration, size: 4, cpu: 0) == 0x0102)
        #expect(mmio.read(offset: configuration, size: 8, cpu: 0) == 0x0102)
        // seg_max at 12 and blk_size at 20.
        #expect(mmio.read(offset: configuration + 12, size: 8, cpu: 0) == 254)
        #expect(mmio.read(offset: configuration + 20, size: 4, cpu: 0) == 512)
        #expect(mmio.read(offset: 0x1FF, size: 1, cpu: 0) == 0)
        #expect(mmio.read(offset: 0x1F8, size: 8, cpu: 0) == 0)
        #expect(mmio.read(offset: 0x200, size: 4, cpu: 0) == 0)
        #expect(mmio.read(offset: UInt64.max, size: 8, cpu: 0) == 0)
        // It is read-only.
        mmio.write(offset: configuration, size: 8, value: UInt64.max, cpu: 0)
        #expect(mmio.read(offset: configuration, size: 8, cpu: 0) == 0x0102)
    }
}
