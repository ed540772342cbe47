// A whole machine: made from a configuration, started, and run to an end.
//
// Responsible for: wiring devices to a back end, which it knows by the protocols of `Hypervisor` only, loading the
// guest, and starting over after a reset. A run is in `VirtualMachine+Run`, what cores do in `VirtualMachine+Cores`,
// PSCI's effects in `VirtualMachine+Power`. Not responsible for what the end of a run means to the user.

import Arm64
import Boot
import Devices
import Glibc
import HostSupport
import Hypervisor
import PSCI
import Synchronization

/// A virtual machine.
///
/// Safe to share between threads: what changes is behind locks and atomics, or belongs to one vCPU's thread.
public final class VirtualMachine: @unchecked Sendable {
    public let configuration: MachineConfiguration
    let events: MachineEvents
    public let memory: GuestMemory
    /// The machine-wide part of the back end, and its CPUs by index.
    let backendVM: any BackendVM
    let cpus: [any VirtualCPU]
    let interruptController: any InterruptController
    /// What the machine's components were made into, in the order of their list.
    let components: [MadeComponent]
    let uart: PL011?
    let rtc: PL031?
    let eventDevice: EventDevice?
    let generationIDInterrupt: InterruptLine?
    let vmClock: VMClock?
    let console: ConsoleDevice?
    let ports: PortsDevice?
    /// The port that has the console's input, if one has; below zero for none.
    let consolePort = Atomic(-1)
    let consoleSelection: ConsoleSelection
    let consoleTail = ConsoleTail()
    let disks: [BlockDevice]
    let imageWatch: ImageWatch
    let networks: [NetworkDevice]
    let shares: [NinePDevice]
    let flashFiles: [FlashFile]
    /// Those that the guest may write.
    let flashes: [CFIFlash]
    /// Why what is in them could not be stored at the last run's end.
    let flashFailure = Mutex<FlashFileError?>(nil)
    /// Set if something is to go wrong with the disks, or is to be logged.
    let diskLaboratory: DiskLaboratory?
    let entropy: any EntropySource
    let power: PowerController
    let firmware: PSCI.Firmware<PowerController>
    let laboratory: LaboratoryRun
    let systemSuspend = SystemSuspend()
    let alarmClock: AlarmClock
    let watchdog: GenericWatchdog?
    let buttons: PL061?
    let watchdogClock: WatchdogClock
    /// By index.
    let cores: [Core]
    /// Whether the back end waits for wake requests.
    let waitsInBackend: Bool
    /// The guest's time.
    let clock: any GuestClock
    /// The host's time, in nanoseconds.
    let hostTime: @Sendable () -> UInt64
    /// Set in runs on the host's clock.
    let hostClock: HostClock?
    /// Set in deterministic runs.
    let instructionClock: InstructionClock?

    /// How the current run ended; nil while it goes on.
    let end = Mutex<RunEnd?>(nil)
    /// What the next boot finds; the configuration's, until it is changed.
    let generationID: Mutex<[UInt8]?>
    /// The last calls of firmware functions that end a run or fall back, for the report.
    let calls = Mutex<FirmwareCallRecord>(FirmwareCallRecord())
    /// What the guest said of its kernel since the machine was made, for the report.
    let panics = Mutex<[PanicEvent: UInt64]>([:])
    /// When the current run ended and how long its disks took to flush, in nanoseconds of the host's clock.
    let endTimes = Mutex(EndTimes())
    /// The guest's counter when the machine was made.
    let initialCounter: UInt64
    /// Whether the last run ended with a warm reset, so that the next one keeps what is in RAM.
    let keepsMemory = Atomic(false)
    /// Why the guest is paused.
    let pauses = Mutex(Pauses())
    /// The `PauseNumber`.
    let pauseCount = Atomic(0)
    /// Where who waits until the guest has stopped sleeps.
    let pauseObservers = Parking()
    /// Whether hardly anything happened for a while, whatever the guest's own clock is.
    let quietness: Quietness
    let phase = Mutex(RunPhase.off)

    /// Makes a machine and opens its disks. Nothing runs yet.
    ///
    /// - Parameters:
    ///   - configuration: what it is to be.
    ///   - events: who is told what it does.
    ///   - backend: what runs the guest's code.
    public convenience init(
        _ configuration: MachineConfiguration, events: MachineEvents, backend: any HypervisorBackend
    ) throws(MachineError) {
        try self.init(configuration, events: events, backend: backend, hostTime: { BootClock.now })
    }

    /// - Parameters:
    ///   - hostTime: the host's time, in nanoseconds, by which the guest's counter counts and threads sleep.
    ///   - cpuTime: the CPU time that the process has taken so far, in nanoseconds.
    init(
        _ configuration: MachineConfiguration, events: MachineEvents, backend: any HypervisorBackend,
        hostTime: @escaping @Sendable () -> UInt64,
        cpuTime: @escaping @Sendable () -> UInt64 = { BootClock.cpuTimeOfProcess }
    ) throws(MachineError) {
        try Self.check(configuration)
        try configuration.check(backend)
        self.configuration = configuration
        self.events = events
        self.hostTime = hostTime
        quietness = Quietness(time: hostTime, cpuTime: cpuTime)
        let isDeterministic = configuration.clock == .instructions
        let entropy: any EntropySource =
            isDeterministic ? SeededEntropy(seed: configuration.seed) : HostEntropy()
        self.entropy = entropy
        let clock: any GuestClock
        initialCounter = configuration.counter(at: WallClock.now)
        if isDeterministic {
            let instructionClock = InstructionClock(counter: initialCounter)
            self.instructionClock = instructionClock
            hostClock = nil
            clock = instructionClock
        } else {
            let hostClock = HostClock(
                counter: initialCounter, frequency: configuration.model.counterFrequency, time: hostTime)
            self.hostClock = hostClock
            instructionClock = nil
            clock = hostClock
        }
        self.clock = clock

        let memory: GuestMemory
        do {
            memory = try GuestMemory(ram: [configuration.ram], rom: configuration.rom)
        } catch { throw .memory(error) }
        self.memory = memory

        // The GIC needs the CPUs' inputs, and the CPUs need the GIC: the inputs are connected last.
        let cpuCount = configuration.cpuCount
        let inputs = InterruptInputs()
        let cpuInputs = (0..<cpuCount).map { cpu in
            { @Sendable (level: Bool) -> Void in inputs.set(level, cpu: cpu) }
        }
        let parking = (0..<cpuCount).map { _ in Parking(time: hostTime) }
        let log = try Self.openDiskLog(configuration.laboratory)
        let diskLaboratory = Self.makeDiskLaboratory(configuration.laboratory, log: log)
        self.diskLaboratory = diskLaboratory
        let output = { @Sendable [consoleTail] (bytes: [UInt8]) -> Void in
            log?.said(bytes)
            consoleTail.note(bytes)
            events.consoleOutput(bytes)
        }
        let alarmClock = AlarmClock()
        self.alarmClock = alarmClock
        let watchdogClock = WatchdogClock(time: hostTime)
        self.watchdogClock = watchdogClock
        let list = configuration.components
        var materials = MachineParts(
            configuration, backend: backend, events: events, memory: memory, entropy: entropy,
            timeOfDay: Self.timeOfDay(instructionClock), time: Self.clockReading(clock, isHosts: !isDeterministic),
            alarmClock: alarmClock, watchdogClock: watchdogClock, diskLaboratory: diskLaboratory, consoleOutput: output,
            interruptInputs: cpuInputs, wakeRequested: { parking[$0].wake() })
        try materials.make(list)
        let made = materials
        // Without one no CPU could be interrupted; every list begins with it.
        guard let interruptController = made.interruptController else {
            throw .host("the machine has no interrupt controller")
        }
        self.interruptController = interruptController
        components = made.made
        uart = made.uart
        rtc = made.rtc
        eventDevice = made.eventDevice
        generationIDInterrupt = made.generationIDInterrupt
        vmClock = made.vmClock
        watchdog = made.watchdog
        buttons = made.buttons
        generationID = Mutex(configuration.generationID)
        console = made.console
        ports = made.ports
        consoleSelection = made.consoleSelection
        disks = made.disks
        networks = configuration.networks.indices.compactMap { made.networks[$0] }
        shares = made.shares
        flashFiles = made.flashFiles
        flashes = made.flashes
        imageWatch = ImageWatch(diskCount: configuration.disks.count)

        var parts = BackendConfiguration(
            cpuCount: cpuCount, model: configuration.cpuModel, memory: memory,
            bus: PhysicalBus(regions: made.regions, memory: memory),
            clock: clock, entropy: entropy, interruptController: made.cpuInterfaces,
            timerLines: { list.timers.lines(made, cpu: $0) })
        parts.ownInterruptController = made.cpuInterfaces == nil ? interruptController : nil
        parts.isRepeatable = isDeterministic
        parts.takesSemihostingCalls = configuration.semihosting != nil
        parts.eventSent = { parking[$0].wake() }
        do throws(BackendError) { backendVM = try backend.makeVM(parts) } catch { throw MachineError(error) }
        cpus = backendVM.virtualCPUs
        let waitsInBackend = backend.capabilities.contains(.wakeRequests)
        self.waitsInBackend = waitsInBackend
        let cores = zip(cpus, parking).map {
            Core($0, parking: $1, startRanges: [configuration.ram] + configuration.rom, waitsInBackend: waitsInBackend)
        }
        self.cores = cores
        power = PowerController(
            configuration, ram: configuration.ram, clock: clock, entropy: entropy,
            startCore: { core, start in
                // A start asks for nothing by itself: the core's thread finds it.
                _ = cores[core].move(.startRequested(start))
                cores[core].parking.wake()
            })
        laboratory = LaboratoryRun(configuration.laboratory)
        firmware = PSCI.Firmware(policy: configuration.psci, platform: power)
        inputs.connect(cpus, parking)
        made.diskEvents.connect { [weak self] in self?.heard($0, ofDisk: $1) }
        made.panicEvents.connect { [weak self] in self?.heard($0) }
        made.watchdogEvents.connect { [weak self] in self?.watchdogExpired() }
        made.flashPower.onCut { [weak self] in self?.finish(.stopped(.powerCut)) }
        watchHibernationImages()
        diskLaboratory?.onPowerCut { [weak self] in self?.finish(.stopped(.powerCut)) }
    }

    // MARK: Making

    /// Throws if there is no such machine on this host.
    public static func check(_ configuration: MachineConfiguration) throws(MachineError) {
        try configuration.checkByItself()
        try configuration.checkDisks()
    }

    private static func openDiskLog(_ laboratory: Laboratory) throws(MachineError) -> DiskLogWriter? {
        guard let path = laboratory.diskLog else { return nil }
        do { return try DiskLogWriter(path: path) } catch { throw .disk(error) }
    }

    private static func makeDiskLaboratory(_ laboratory: Laboratory, log: DiskLogWriter?) -> DiskLaboratory? {
        guard !laboratory.disks.isEmpty || log != nil else { return nil }
        return DiskLaboratory(laboratory.disks, log: log)
    }

    /// Seconds since the epoch: the host's, or with the instruction clock those since a fixed day.
    private static func timeOfDay(_ clock: InstructionClock?) -> @Sendable () -> UInt64 {
        guard let clock else { return { UInt64(max(0, time(nil))) } }
        return { deterministicEpoch + clock.counter / clock.frequency }
    }

    /// The guest's counter, and the time of day at that moment, by the same clock.
    private static func clockReading(_ clock: any GuestClock, isHosts: Bool) -> @Sendable () -> VMClock.Reading {
        guard isHosts else {
            return {
                let counter = clock.counter
                let nanoseconds = deterministicEpoch &* 1_000_000_000 &+ clock.rate.nanoseconds(forTicks: counter)
                return VMClock.Reading(counter: counter, nanoseconds: nanoseconds)
            }
        }
        return {
            let before = clock.counter
            let now = WallClock.now
            return VMClock.Reading(counter: before &+ (clock.counter &- before) / 2, nanoseconds: now)
        }
    }

    /// The time of day at which runs with the instruction clock begin: 2026-01-01T00:00:00Z.
    static let deterministicEpoch = HostClock.epoch

    /// Gives back what the host lent, for another machine to have: networks, shares, disks, and the RAM's memory. Once
    /// no `run` is to follow any more.
    public func close() {
        for network in networks { network.stop() }
        for share in shares { share.stop() }
        for disk in disks { disk.stop() }
        for file in flashFiles { file.unlock() }
        memory.empty()
    }

    // MARK: Console

    /// Sends bytes to the guest's console; returns how many were taken. The rest is to be sent again after
    /// `MachineEvents.consoleReady`.
    public func sendConsoleInput(_ bytes: [UInt8]) -> Int {
        if !bytes.isEmpty { wake(.console) }
        let port = consolePort.load(ordering: .acquiring)
        guard port < 0 else { return sendPortInput(bytes, to: port) }
        return switch configuration.console {
        case .pl011: uart?.receive(bytes) ?? 0
        case .virtio: console?.receive(bytes) ?? 0
        }
    }

    /// What became of a break.
    public enum BreakOutcome: Sendable {
        case sent
        /// The guest's receiver is off, or its FIFO full.
        case notHeard
        /// The console is no serial line.
        case noLine
    }

    /// Sends a break to the guest's console. Callable from any thread.
    public func sendBreak() -> BreakOutcome {
        guard configuration.console == .pl011, consolePort.load(ordering: .acquiring) < 0, let uart else {
            return .noLine
        }
        wake(.console)
        return uart.receiveBreak() ? .sent : .notHeard
    }

    // MARK: Starting

    /// Puts every device into its power-on state and loads the guest. After a warm reset, RAM keeps what was in it, but
    /// for where kernel, initrd and device tree are placed anew.
    func load() throws(MachineError) -> BootPlan {
        let guest = try GuestImage(configuration)
        let chosen = BoardDescription.Chosen(
            bootArguments: [guest.commandLine ?? "", configuration.commandLine].filter { !$0.isEmpty }
                .joined(separator: " "),
            rngSeed: randomBytes(count: 32), kaslrSeed: entropy.next())
        var machine = configuration
        machine.generationID = generationID.withLock(\.self)
        let plan = try guest.plan(machine.model.board(machine, chosen: chosen))
        // First: a device with a thread of its own may be writing to RAM.
        for component in components {
            component.state?.quiesce()
            component.setEnding(false)
        }
        // RAM is as good as new after a cold reset, whether or not MEM_PROTECT asked for it; giving it back to the host
        // makes it zero.
        if !keepsMemory.load(ordering: .acquiring) { memory.empty() }
        consoleSelection.reset()
        consoleTail.begin()
        for component in components { component.reset() }
        for component in components { component.state?.resume() }
        try guest.load(plan, into: memory)
        return plan
    }

    private func randomBytes(count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: entropy.next()) }
    }
}

/// The IRQ inputs of the CPUs, connected once both they and the GIC exist.
///
/// The CPUs are the machine's: they have the GIC, which has this, and none of the three would ever go, nor the disks on
/// their bus. A guest can have another machine made as often as it hibernates by a reset.
///
/// Safe: `targets` is written once, before the flag that readers look at first.
private final class InterruptInputs: @unchecked Sendable {
    private struct Target {
        weak var cpu: (any VirtualCPU)?
        let parking: Parking
    }

    private var targets: [Target] = []
    private let isConnected = Atomic(false)

    func connect(_ cpus: [any VirtualCPU], _ parking: [Parking]) {
        targets = zip(cpus, parking).map { Target(cpu: $0, parking: $1) }
        isConnected.store(true, ordering: .releasing)
    }

    func set(_ level: Bool, cpu: Int) {
        guard isConnected.load(ordering: .acquiring) else { return }
        targets[cpu].cpu?.setInterruptPending(level)
        if level { targets[cpu].parking.wake() }
    }
}
