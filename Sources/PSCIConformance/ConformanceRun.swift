// Running the conformance guest: on which machines, with what on its command line, and what to see of it from outside.
//
// Responsible for: one configuration of PSCI on one number of cores. Calls that end a run have runs of their own, in
// which the host says what came of them. Not responsible for: printing.

import HostSupport
import Hypervisor
import Machine
import PSCI
import Synchronization

/// Runs of the conformance guest with one policy.
public struct ConformanceRun {
    /// What is held against the guest's machine.
    public let policy: Policy
    private let image: String
    private let clock: ClockKind
    private let backend: any HypervisorBackend

    /// - Parameters:
    ///   - image: the path of the guest.
    ///   - policy: what its machine's PSCI is, and what it is held against.
    ///   - clock: the machine's.
    ///   - backend: what runs it.
    public init(
        image: String, policy: Policy, clock: ClockKind = .host, backend: any HypervisorBackend
    ) {
        self.image = image
        self.policy = policy
        self.clock = clock
        self.backend = backend
    }

    /// Every check that the guest makes on `cpuCount` cores, and whether it got to its end.
    public func checks(cpuCount: Int) throws(MachineError) -> [ConformanceLine] {
        let (end, console) = try boot(machine(cpuCount: cpuCount, "end=off"))
        var lines = console.split(separator: "\n").compactMap { ConformanceLine($0) }
        let plan = console.split(separator: "\n").first { $0.hasPrefix("1..") }?.dropFirst(3)
        let isWhole = end == .poweredOff && plan.flatMap { Int($0) } == lines.count
        lines.append(
            ConformanceLine(
                isWhole, .smc32, .systemOff,
                isWhole
                    ? "ends the run, after every check"
                    : "the run ended early: \(end.words([])) # \(console.suffix(200))"))
        return lines
    }

    /// Every call that ends a run.
    public func endings() throws(MachineError) -> [ConformanceLine] {
        var lines = [try coldReset()]
        for width in CallWidth.allCases {
            if policy.capabilities.contains(.systemReset2) {
                lines.append(try warmReset(width))
                lines.append(try vendorReset(width))
            }
            guard policy.capabilities.contains(.systemOff2) else { continue }
            for type in UInt32(0)...1 {
                for core in [0, 1] { lines.append(try hibernation(width, type: type, core: core)) }
            }
        }
        return lines
    }

    // MARK: Endings

    private func coldReset() throws(MachineError) -> ConformanceLine {
        let machine = try machine(cpuCount: 1, "checks=off end=reset")
        let (first, _) = try boot(machine)
        let (_, console) = try boot(machine)
        let isRight = first == .reset(ResetRequest(type: nil, cookie: 0, core: 0)) && console.contains("memory is new")
        return ConformanceLine(isRight, .smc32, .systemReset, "resets, and memory is new")
    }

    private func warmReset(_ width: CallWidth) throws(MachineError) -> ConformanceLine {
        let machine = try machine(cpuCount: 1, "checks=off end=reset2 \(width.argument)")
        let (first, _) = try boot(machine)
        let (second, console) = try boot(machine)
        let isRight =
            first == .reset(ResetRequest(type: 0, cookie: 0, core: 0)) && second == .poweredOff
            && console.contains("memory of the boot before is there")
        return ConformanceLine(isRight, width, .systemReset2, "a warm reset keeps memory")
    }

    private func vendorReset(_ width: CallWidth) throws(MachineError) -> ConformanceLine {
        let machine = try machine(
            cpuCount: 2, "checks=off end=reset2 type=0x80000001 cookie=0x123456789 core=1 \(width.argument)")
        let (end, _) = try boot(machine)
        let cookie: UInt64 = width == .smc32 ? 0x2345_6789 : 0x1_2345_6789
        return ConformanceLine(
            end == .reset(ResetRequest(type: 0x8000_0001, cookie: cookie, core: 1)), width, .systemReset2,
            "a vendor's reset arrives with its type and cookie")
    }

    private func hibernation(_ width: CallWidth, type: UInt32, core: Int) throws(MachineError) -> ConformanceLine {
        let machine = try machine(cpuCount: 2, "checks=off end=off2 type=\(type) core=\(core) \(width.argument)")
        let (end, _) = try boot(machine)
        let request = HibernationRequest(
            type: type, cookie: 0, core: core, functionID: FunctionID(.systemOff2, width).rawValue)
        return ConformanceLine(
            end == .hibernated(request), width, .systemOff2, "type \(type) from core \(core) hibernates")
    }

    // MARK: Runs

    private func machine(cpuCount: Int, _ words: String) throws(MachineError) -> ConformanceMachine {
        var configuration = MachineConfiguration(kernel: image)
        configuration.kernelFormat = .flat
        configuration.cpuCount = cpuCount
        configuration.memoryByteCount = 64 << 20
        configuration.psci = policy
        configuration.clock = clock
        configuration.commandLine = """
            version=\(policy.version.name) functions=0x\(String(policy.capabilities.rawValue, radix: 16)) \
            states=0x\(String(policy.idleStates.rawValue, radix: 16)) format=\(policy.powerStateFormat.name) \
            trusted-os=\(policy.trustedOS.name) \(words)
            """
        return try ConformanceMachine(configuration, on: backend)
    }

    private func boot(_ machine: ConformanceMachine) throws(MachineError) -> (RunEnd, String) {
        try machine.boot()
    }
}

/// A machine whose console is kept, and which is stopped if it hangs.
private final class ConformanceMachine {
    /// Two minutes: a busy host is slow.
    private static let patience: UInt64 = 120_000_000_000

    private let machine: VirtualMachine
    private let console: Console

    private final class Console: Sendable {
        let bytes = Mutex<[UInt8]>([])
    }

    init(_ configuration: MachineConfiguration, on backend: any HypervisorBackend) throws(MachineError) {
        let console = Console()
        self.console = console
        machine = try VirtualMachine(
            configuration,
            events: MachineEvents(consoleOutput: { output in console.bytes.withLock { $0 += output } }),
            backend: backend)
    }

    /// One boot, and what it wrote.
    func boot() throws(MachineError) -> (RunEnd, String) {
        console.bytes.withLock { $0 = [] }
        let place = Parking()
        let isDone = Flag()
        let machine = machine
        let watchdog: HostThread
        do throws(HostResourceError) {
            watchdog = try HostThread {
                place.wait(until: BootClock.now + Self.patience) { isDone.value.load(ordering: .acquiring) }
                if !isDone.value.load(ordering: .acquiring) { machine.stop(because: .host("the guest hangs")) }
            }
        } catch { throw .host(error.description) }
        defer {
            isDone.value.store(true, ordering: .releasing)
            place.wake()
            watchdog.join()
        }
        let end = try machine.run()
        return (end, String(decoding: console.bytes.withLock { $0 }, as: UTF8.self).filter { $0 != "\r" })
    }

    private final class Flag: Sendable {
        let value = Atomic(false)
    }
}

extension CallWidth {
    /// `width=32` or `width=64`
    fileprivate var argument: String { self == .smc32 ? "width=32" : "width=64" }
}
