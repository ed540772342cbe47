import Devices
import Testing

@Suite("virtio entropy device")
struct EntropyDeviceTests {
    @Test("A buffer is filled from the machine's source")
    func fills() throws {
        let driver = try TestDriver(EntropyDevice(source: CountingSource()))
        try #require(driver.start())
        #expect(driver.read(Register.deviceID) == 4)
        let buffers = [driver.writable(12), driver.writable(8)]
        for buffer in buffers { driver.queues[0].add([buffer]) }
        driver.notify()
        #expect(driver.bytes(buffers[0]) == [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
        #expect(driver.bytes(buffers[1]) == [2, 0, 0, 0, 0, 0, 0, 0])
        #expect(driver.queues[0].takeUsed()?.length == 12)
        #expect(driver.queues[0].takeUsed()?.length == 8)
    }

    @Test("A huge buffer is filled in part, and the driver is told how far")
    func limit() throws {
        let driver = try TestDriver(EntropyDevice(source: CountingSource()))
        try #require(driver.start())
        let buffer = driver.writable(1 << 20)
        driver.queues[0].add([buffer])
        driver.notify()
        let length = Int(try #require(driver.queues[0].takeUsed()).length)
        #expect(length > 0 && length < 1 << 20)
        #expect(driver.bytes(buffer)[length...].allSatisfy { $0 == 0xEE })
    }

    @Test("A buffer that the device may not write comes back empty")
    func nothingToWrite() throws {
        let driver = try TestDriver(EntropyDevice(source: CountingSource()))
        try #require(driver.start())
        driver.queues[0].add([driver.readable([1, 2, 3])])
        driver.notify()
        #expect(driver.queues[0].takeUsed()?.length == 0)
    }
}
