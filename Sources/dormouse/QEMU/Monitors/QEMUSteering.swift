// A run that is steered by monitors: connects a machine and its events to the server of `QEMUMonitor`.
//
// Responsible for: what a machine's events and ends are called there, and waiting with a guest that has ended
// (-no-shutdown). Not responsible for: what clients say.

import HostSupport
import Machine
import PSCI
import QEMUMonitor
import Synchronization

/// Steers one run.
final class QEMUSteering: RunSteering {
    private struct State {
        var machine: VirtualMachine?
        var session: Session?
        /// Whether it was to begin paused, and has not gone on since.
        var isPrelaunch: Bool
        var hasPanicked = false
        /// The guest has ended, and is kept (-no-shutdown).
        var keptEnd: RunEnd?
        var isReset = false
        var isQuit = false
    }

    private let server: MonitorServer
    private let debugger: DebuggerStation?
    private let streams: StandardStreams?
    private let waiting: [(index: Int, words: String)]
    private let ends: QEMUEnds
    /// Of ports, by their numbers.
    private let portIDs: [Int: String]
    private let startsPaused: Bool
    private let keepsEnded: Bool
    private let state: Mutex<State>
    private let changed = Parking()

    private var monitor: Monitor { server.monitor }

    /// Opens the sockets. Standard input and output are still the process's own.
    init(_ qemu: QEMUMachine, _ identity: MonitorIdentity) throws {
        var streams: StandardStreams?
        var waiting: [(Int, String)] = []
        var endpoints: [MonitorEndpoint] = []
        for (index, request) in qemu.monitors.enumerated() {
            let access: MonitorEndpoint.Access
            if case .socket(let socket) = request.device {
                access = try socket.open(request.option)
                if socket.isServer, socket.waits { waiting.append((index, "waiting for a connection on \(socket)")) }
            } else {
                let (ours, theirs) = try StandardStreams.pair(request.option)
                streams = StandardStreams(theirs)
                access = .connected(ours)
            }
            endpoints.append(MonitorEndpoint(mode: request.mode, access: access))
        }
        ends = try QEMUEnds(qemu)
        portIDs = Dictionary(
            qemu.portEnds.compactMap { end in end.id.map { (end.number, $0) } }, uniquingKeysWith: { first, _ in first }
        )
        server = try MonitorServer(identity, endpoints)
        debugger = try qemu.debugger.map { try DebuggerStation($0, "gdb") }
        self.streams = streams
        self.waiting = waiting
        startsPaused = qemu.startsPaused
        keepsEnded = qemu.keepsEnded
        state = Mutex(State(isPrelaunch: qemu.startsPaused))
    }

    // MARK: The run

    func connect(_ events: inout MachineEvents) {
        debugger?.connect(&events) { [self] in monitor.note(isPaused: true) }
        ends.connect(&events)
        let (suspended, panic, disk, watchdog) = (events.suspended, events.panic, events.disk, events.watchdog)
        let portOpened = events.portOpened
        events.portOpened = { [self] port, isOpen in
            portOpened(port, isOpen)
            if let id = portIDs[port] { monitor.post(.portChange(id, isOpen: isOpen)) }
        }
        events.watchdog = { [self] action in
            watchdog?(action)
            monitor.post(.watchdog(action.rawValue))
        }
        events.suspended = { [self] event in
            suspended?(event)
            switch event {
            case .suspended: monitor.post(.suspend)
            case .woken(.end): break
            case .woken: monitor.post(.wakeup)
            }
        }
        events.panic = { [self] event in
            panic?(event)
            switch event {
            case .panicked:
                state.withLock { $0.hasPanicked = true }
                monitor.post(.guestPanicked)
            case .crashLoaded: monitor.post(.guestCrashLoaded)
            }
        }
        events.disk = { [self] trouble in
            disk?(trouble)
            guard let machine = state.withLock({ $0.machine }) else { return }
            monitor.note(isPaused: machine.isPaused)
        }
    }

    func begin(_ machine: VirtualMachine, _ session: Session) throws {
        state.withLock {
            $0.machine = machine
            $0.session = session
        }
        if startsPaused { machine.pause(clock: .standsStill) }
        monitor.attach(SteeredMachine(machine, session, self), isPaused: startsPaused)
        for (index, words) in waiting {
            Message.write(words)
            server.waitForClient(of: index)
        }
        ends.waitForClients()
        // From here on somebody may ask for the end.
        session.begin()
        try streams?.start()
        try server.start()
        try debugger?.start(
            machine, session,
            .init(
                paused: { [self] isPaused in
                    if !isPaused { resumed() }
                    note(isPaused: isPaused)
                }, monitor: { [self] in monitor.execute($0) }))
        try ends.start(machine)
    }

    func willBoot(_ number: Int) {
        guard number > 1, let machine = state.withLock({ $0.machine }) else { return }
        let isRestart = state.withLock { state in
            defer { state.isReset = false }
            return state.isReset
        }
        if isRestart {
            monitor.post(.reset(.hostReset))
        } else if case .ended(let end) = machine.state {
            monitor.post(.reset(end.cause))
        }
    }

    func runsAgain(after end: RunEnd) -> Bool {
        tell(end)
        guard keepsEnded else { return false }
        monitor.note(isPaused: true)
        state.withLock { $0.keptEnd = end }
        var isOver = false
        while !isOver {
            // A signal does not call.
            changed.wait(until: BootClock.now &+ 200_000_000) {
                state.withLock { $0.isReset || $0.isQuit }
            }
            isOver = state.withLock { $0.isReset || $0.isQuit } || isStopped
        }
        let machine = state.withLock { state in
            state.keptEnd = nil
            state.isPrelaunch = true
            return state.isReset && !state.isQuit ? state.machine : nil
        }
        guard let machine, !isStopped else { return false }
        // Until somebody says that it goes on.
        machine.pause(clock: .standsStill)
        return true
    }

    private var isStopped: Bool { state.withLock { $0.session }?.isStopped ?? false }

    /// What the end of a guest is called.
    private func tell(_ end: RunEnd) {
        if case .hibernated = end { monitor.post(.suspendDisk) }
        let hasPanicked = state.withLock { state in
            defer { state.hasPanicked = false }
            return state.hasPanicked
        }
        if case .crashed = end, !hasPanicked { monitor.post(.guestPanicked) }
        monitor.post(.shutdown(end.cause))
    }

    /// There was no run: takes away what others would find.
    func abandon() {
        server.abandon()
        debugger?.abandon()
        ends.abandon()
    }

    func finish() {
        debugger?.finish()
        server.finish()
        streams?.finish()
        ends.finish()
    }

    // MARK: What clients ask for

    fileprivate var isPrelaunch: Bool { state.withLock { $0.isPrelaunch } }
    fileprivate var keptEnd: RunEnd? { state.withLock { $0.keptEnd } }

    fileprivate func note(isPaused: Bool) { monitor.note(isPaused: isPaused) }

    fileprivate func resumed() { state.withLock { $0.isPrelaunch = false } }

    /// Whether a guest that has ended is kept, and is started again by this, or left.
    fileprivate func decideOnEnded(resetting: Bool) -> Bool {
        let isKept = state.withLock { state in
            guard state.keptEnd != nil else { return false }
            if resetting { state.isReset = true } else { state.isQuit = true }
            return true
        }
        if isKept { changed.wake() }
        return isKept
    }
}

extension RunEnd {
    /// What QEMU calls it.
    fileprivate var cause: MonitorEvent.Cause {
        switch self {
        case .poweredOff, .exited, .hibernated: .guestShutdown
        case .reset: .guestReset
        case .crashed: .guestPanic
        case .stopped(.console), .stopped(.monitor): .quit
        case .stopped(.reset), .stopped(.watchdog): .hostReset
        case .stopped(.signal): .signal
        case .stopped(.powerCut), .stopped(.host): .hostError
        }
    }
}

/// A machine as clients see it.
private struct SteeredMachine: MonitoredMachine {
    private let machine: VirtualMachine
    private let session: Session
    private let steering: QEMUSteering

    /// How long a client waits for a core that does not stop, in milliseconds: one that waits for whoever reads the
    /// console does not.
    private static let patience: UInt64 = 1000

    init(_ machine: VirtualMachine, _ session: Session, _ steering: QEMUSteering) {
        self.machine = machine
        self.session = session
        self.steering = steering
    }

    var status: MonitoredStatus {
        switch machine.state {
        case .off: begun
        case .running: .running
        case .suspended: .suspended
        case .pausing, .paused: begun
        case .ending: .shutdown
        case .ended(let end):
            switch end {
            // It is started again, unless it is kept.
            case .reset, .stopped(.reset), .stopped(.watchdog): steering.keptEnd == nil ? begun : .shutdown
            case .crashed: .guestPanicked
            case .poweredOff, .exited, .hibernated, .stopped: .shutdown
            }
        }
    }

    /// Of a guest that has not ended.
    private var begun: MonitoredStatus {
        guard machine.isPaused else { return .running }
        return steering.isPrelaunch ? .prelaunch : machine.isWaitingForDisk ? .ioError : .paused
    }

    var disks: [MonitoredDisk] {
        let (byteCounts, formats) = (machine.diskByteCounts, machine.diskFormatNames)
        return machine.configuration.disks.enumerated().map { index, disk in
            MonitoredDisk(
                name: name(ofDisk: index), path: disk.path, format: formats[index], isReadOnly: disk.isReadOnly,
                byteCount: byteCounts[index])
        }
    }

    private func name(ofDisk index: Int) -> String { "virtio\(index)" }

    var threadIDs: [Int32] { machine.coreThreadIDs }

    var hibernation: MonitoredHibernation {
        MonitoredHibernation(
            offersSystemOff2: machine.configuration.psci.capabilities.contains(Function.systemOff2),
            hasSleepButton: machine.hasButtons,
            imageHeaders: machine.writtenHeaderEnds.enumerated().flatMap { index, ends in
                ends.map { MonitoredHibernation.ImageHeader(disk: name(ofDisk: index), end: $0) }
            })
    }

    func pause() {
        machine.pause(clock: .standsStill)
        machine.waitUntilPaused(milliseconds: Self.patience)
    }

    func resume() {
        steering.resumed()
        machine.resume()
    }

    func reset() {
        if !steering.decideOnEnded(resetting: true) { machine.reset() }
    }

    func quit() {
        if !steering.decideOnEnded(resetting: false) { session.stop(.monitor) }
    }

    func pressPowerButton() -> Bool { machine.press(.power) }
    func pressSleepButton() -> Bool { machine.press(.sleep) }
    func wake() { machine.wake(.host) }

    func dump(to path: String) throws(QMPError) -> UInt64 {
        let wasRunning = !machine.isPaused && steering.keptEnd == nil
        if wasRunning {
            pause()
            steering.note(isPaused: true)
        }
        defer {
            if wasRunning {
                machine.resume()
                steering.note(isPaused: machine.isPaused)
            }
        }
        switch machine.state {
        case .paused, .ended: break
        case .off, .running, .pausing, .suspended, .ending:
            throw QMPError("the guest does not stand still: it waits for whoever reads its console, or is at its end")
        }
        do throws(MemoryDumpError) { return try machine.dumpMemory(to: path) } catch {
            throw QMPError(error.description)
        }
    }
}
