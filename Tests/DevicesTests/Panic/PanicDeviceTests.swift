import Devices
import Synchronization
import Testing

@Suite("pvpanic")
struct PanicDeviceTests {
    @Test("A read says what may be said, and only known events at the register are told")
    func register() {
        let told = Mutex<[PanicDevice.Event]>([])
        let device = PanicDevice { event in told.withLock { $0.append(event) } }
        // PVPANIC_PANICKED, PVPANIC_CRASH_LOADED and PVPANIC_SHUTDOWN of Linux's misc/pvpanic.h.
        #expect(device.read(offset: 0, size: 1, cpu: 0) == 7)
        #expect(device.read(offset: 1, size: 1, cpu: 0) == 0)
        for (offset, value) in [(0, 1), (1, 1), (0, 0xF8), (0, 0x100), (0, 6), (4, 7), (0, .max)] as [(UInt64, UInt64)]
        {
            device.write(offset: offset, size: 8, value: value, cpu: 0)
        }
        #expect(
            told.withLock(\.self) == [.panicked, [.crashLoaded, .shutdown], [.panicked, .crashLoaded, .shutdown]])
    }
}
