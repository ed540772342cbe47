import HostSupport
import Testing

@Suite("How much memory a process takes")
struct ProcessMemoryTests {
    @Test("/proc/pid/status is read as proc(5) describes it")
    func processMemory() {
        let memory = ProcessMemory(status: "Name:\tdormouse\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t1\n")
        #expect(memory?.residentByteCount == 1_048_576)
        #expect(memory?.peakByteCount == 2_097_152)
        #expect(ProcessMemory(status: "VmRSS:\t1024 kB\n") == nil)
        #expect(ProcessMemory(status: "VmRSS:\tmany kB\nVmHWM:\t1 kB") == nil)
    }
}
