import Boot
import Devices
import Glibc
import HostSupport
import KeptVMs
import Machine
import Testing

@testable import DormouseCommand

@Suite("Exit codes")
struct ExitCodeTests {
    private static let hibernation = RunEnd.hibernated(
        HibernationRequest(type: 0, cookie: 0, core: 0, functionID: 0xC400_0015))

    @Test(
        "Every end has its exit code",
        arguments: [
            (.poweredOff, 0), (hibernation, 40), (.reset(ResetRequest(type: nil, cookie: 0, core: 0)), 32),
            (.crashed("no such instruction"), 33), (.stopped(.signal(15)), 143), (.stopped(.signal(2)), 130),
            (.stopped(.console), 34), (.stopped(.monitor), 34), (.stopped(.reset), 32), (.stopped(.powerCut), 35),
            (.stopped(.host("no threads")), 70),
        ] as [(RunEnd, Int32)])
    func ends(end: RunEnd, code: Int32) {
        #expect(end.exitCode.rawValue == code)
    }

    @Test(
        "Errors of the user and errors of the host have different exit codes",
        arguments: [
            (MachineError.cpuCount(65, limit: 64), 64),
            (MachineError.disk(.locked(path: "a", readOnly: false)), 64),
            (MachineError.disk(.failed(operation: "flush", path: "a", errno: EIO)), 70),
            (MachineError.host("out of threads"), 70), (MachineError.network(.host("out of sockets")), 70),
            (HostResourceError(resource: .thread, errno: EAGAIN), 70), (HostError.noHome, 64),
            (OutputFileError(path: "a", reason: "it is a directory", isHosts: false), 64), (CancellationError(), 70),
        ] as [(any Error, Int32)])
    func errorCodes(error: any Error, code: Int32) {
        #expect(ExitCode(of: error).rawValue == code)
    }

    @Test(
        "Where an option would help, the line says which; the library's own does not",
        arguments: [
            (MachineError.cpuCount(65, limit: 64), "--cpus"), (MachineError.memorySize(1), "--memory"),
            (MachineError.kernel(path: "a", .notAnImage(.unknown)), "--kernel-format flat"),
            (MachineError.bootPlan(.notEnoughMemory(available: 1 << 20, needed: 1 << 21)), "--memory"),
            (MachineError.bootPlan(.notEnoughMemoryForUEFI(available: 1)), "--memory"),
            (MachineError.noUEFI(model: "virt-1"), "--model"), (MachineError.nothingToStart, "--kernel"),
            (MachineError.bootPlan(.flatImageWithACPI), "--firmware"), (MachineError.network(.noPasst), "--net tap="),
            (MachineError.disk(.foreign(path: "a", .qcow2)), ",format=raw"), (HostError.noHome, "--store"),
            (HostError.notFound(name: "a", store: "b"), "dormouse list"),
            (HostError.copyDisks(name: "a", count: 2, given: 0), "--disk"),
        ] as [(any Error & CustomStringConvertible, String)])
    func advice(error: any Error & CustomStringConvertible, option: String) {
        #expect(DormouseCommand.Command.words(error).hasPrefix(error.description))
        #expect(DormouseCommand.Command.words(error).contains(option) && !error.description.contains(option))
    }
}
