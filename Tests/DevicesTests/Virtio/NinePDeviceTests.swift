// A share's transport, as drivers of virtio start it.

import Devices
import NinePFS
import Synchronization
import Testing

@Suite("virtio: a share")
struct NinePDeviceTests {
    @Test("A driver that goes on without a queue has lost the share, which is told each time, and no other one has")
    func lost() throws {
        let count = Mutex(0)
        let device = try NinePDevice(
            tag: "t", server: NinePServer(NinePShare(path: "/tmp", isReadOnly: true)), synchronous: true,
            lost: { count.withLock { $0 += 1 } })
        let driver = try TestDriver(device)
        try #require(driver.start())
        #expect(count.withLock(\.self) == 0)
        // As Linux after a hibernation: all over again, but for the queue.
        for round in 1...2 {
            try #require(driver.negotiate(driver.deviceFeatures))
            #expect(count.withLock(\.self) == round - 1)
            driver.addStatus(Status.driverOK)
            driver.addStatus(Status.driverOK)
            driver.notify()
            #expect(count.withLock(\.self) == round)
        }
        // One that is loaded anew sets its queue up, and has the share.
        try #require(driver.start())
        #expect(count.withLock(\.self) == 2)
        device.stop()
    }
}
