import Glibc
import Hypervisor
import Testing

@Suite("What of guest memory is resident")
struct GuestMemoryResidencyTests {
    @Test("Of the guest's RAM, only pages that were touched count")
    func residency() throws {
        let memory = try GuestMemory(base: 0x4000_0000, byteCount: 64 << 20)
        // Without huge pages, which would count more than was touched.
        madvise(memory.pointer(at: 0x4000_0000, count: 64 << 20), 64 << 20, MADV_NOHUGEPAGE)
        #expect(memory.residentByteCount == 0)
        memory.store(UInt64(1), at: 0x4000_0000)
        memory.store(UInt64(1), at: 0x4000_0008)
        memory.store(UInt64(1), at: 0x43FF_FFF8)
        #expect(memory.residentByteCount == UInt64(2 * sysconf(Int32(_SC_PAGESIZE))))
    }
}
