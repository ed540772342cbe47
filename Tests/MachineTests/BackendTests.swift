// What a machine knows of the back end that it runs on, and what it asks of it.

import Arm64
import Foundation
import Hypervisor
import Testing

@testable import Machine

@Suite("What a machine asks of a back end")
struct BackendTests {
    /// A back end that can do less than a machine may ask for, and is never run.
    private struct LimitedBackend: HypervisorBackend {
        var capabilities: BackendCapabilities = .undefinedCalls
        var counterFrequency: UInt64?
        let name = "limited"

        func makeVM(_ configuration: BackendConfiguration) throws(BackendError) -> any BackendVM {
            throw .cpuModel(configuration.model.name, backend: name)
        }
    }

    private func error(
        _ backend: LimitedBackend, _ change: (inout MachineConfiguration) -> Void = { _ in }
    ) -> MachineError? {
        var configuration = MachineConfiguration(kernel: "unread")
        configuration.memoryByteCount = 64 << 20
        change(&configuration)
        return #expect(throws: MachineError.self) {
            try VirtualMachine(configuration, events: MachineEvents(), backend: backend)
        }
    }

    @Test("A back end is told of what it lacks before it is asked for it")
    func lacking() {
        let clock = error(LimitedBackend()) { $0.clock = .instructions }
        guard case .backend(.cannot([.instructionClock, .budget], backend: "limited")) = clock else {
            Issue.record("\(String(describing: clock))")
            return
        }
        let words = "the back end limited cannot count the guest's instructions, nor stop a guest after a number of "
        #expect(clock?.description.hasPrefix(words) == true)
        // virt-1 promises that the other conduit's call is undefined.
        guard case .backend(.cannot(.undefinedCalls, _)) = error(LimitedBackend(capabilities: [])) else {
            Issue.record("a machine without an undefined SMC was made")
            return
        }
        // What is not asked for may be missing: the next thing is the CPU, which this one has none of.
        guard case .backend(.cpuModel("dormouse-1", _)) = error(LimitedBackend()) else {
            Issue.record("the host's clock needs no budget")
            return
        }
    }

    @Test("A counter of another frequency than the model promises is refused, and an equal one is not")
    func frequency() {
        guard
            case .backend(.counterFrequency(62_500_000, promised: 1_000_000_000, _)) =
                error(LimitedBackend(counterFrequency: 62_500_000))
        else {
            Issue.record("virt-1 promises 1 GHz")
            return
        }
        guard case .backend(.cpuModel) = error(LimitedBackend(counterFrequency: 1_000_000_000)) else {
            Issue.record("1 GHz is what virt-1 has")
            return
        }
    }

    @Test("A back end that cannot do what is asked is the user's error")
    func words() {
        let errors: [BackendError] = [
            .cannot([.instructionClock, .budget, .undefinedCalls, .wakeRequests], backend: "b"),
            .cpuModel("c", backend: "b"), .counterFrequency(1, promised: 2, backend: "b"),
        ]
        for error in errors {
            #expect(!MachineError.backend(error).isHosts)
        }
        #expect(MachineError.backend(.host("x")).isHosts)
    }

    @Test("The machine imports no back end")
    func imports() throws {
        let root = URL(filePath: String(#filePath)).deletingLastPathComponent().appending(path: "../../Sources/Machine")
        let files =
            FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" } ?? []
        #expect(files.count > 20)
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(!text.contains("import Emulator"), "\(file.lastPathComponent)")
        }
    }
}
