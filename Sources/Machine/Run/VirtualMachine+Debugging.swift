// A guest that is stopped, looked at and stepped from outside.
//
// Responsible for: which cores go on and which are held, and what a debugger may see and change of those that stand
// still. A guest that a debugger has stopped is paused as by `pause`, and so it is whoever else may let it go on. Not
// responsible for: the debugger's language.

import Arm64
import HostSupport
import Hypervisor
import Synchronization

/// What a core does when a debugger lets a guest go on.
public enum CoreResumption: Sendable, Hashable {
    /// It stays where it is.
    case held
    case goesOn
    /// It executes one instruction, and then all stop.
    case steps
}

/// Where a debugger finds bytes.
public enum DebuggedAddress: Sendable, Hashable {
    /// As the core's translation regime has it now.
    case virtual(UInt64, core: Int)
    case physical(PhysicalAddress)
}

extension VirtualMachine {
    /// Whether the back end can stop the guest for a debugger.
    public var canBeDebugged: Bool { cpus.allSatisfy { $0 is any DebuggableCPU } }

    /// How many breakpoints there can be.
    public var breakpointLimit: Int { cpus.map { ($0 as? any DebuggableCPU)?.breakpointLimit ?? 0 }.min() ?? 0 }

    /// How many watchpoints there can be.
    public var watchpointLimit: Int { cpus.map { ($0 as? any DebuggableCPU)?.watchpointLimit ?? 0 }.min() ?? 0 }

    // MARK: Stopping and going on

    /// Stops the guest and waits until no core executes anything.
    ///
    /// - Parameter milliseconds: how long at most. A core that waits for whoever reads the console does not stop.
    /// - Returns: whether it has stopped.
    @discardableResult
    public func stopForDebugger(milliseconds: UInt64) -> Bool {
        holdCores()
        return waitUntilStopped(milliseconds: milliseconds)
    }

    /// Waits until no core executes anything, or the run is over.
    ///
    /// - Parameter milliseconds: how long at most.
    /// - Returns: whether it is so.
    public func waitUntilStopped(milliseconds: UInt64) -> Bool {
        var isStopped: Bool {
            switch state {
            case .paused, .ended: true
            case .off, .running, .pausing, .suspended, .ending: false
            }
        }
        pauseObservers.wait(until: BootClock.now &+ milliseconds &* 1_000_000) { isStopped }
        return isStopped
    }

    /// Lets a guest go on that was stopped by `stopForDebugger` or for `MachineEvents.debugStop`. Callable from any
    /// thread.
    ///
    /// While some cores are held and none goes on freely, the guest's counter stands still.
    ///
    /// - Parameters:
    ///   - resumptions: what each core does, by index.
    ///   - breakpoints: virtual addresses before which every core stops.
    ///   - watchpoints: memory before whose accesses every core stops.
    public func resume(
        _ resumptions: [CoreResumption], breakpoints: Set<UInt64>, watchpoints: Set<Watchpoint> = []
    ) {
        for (core, resumption) in zip(cores, resumptions) {
            let steps = resumption == .steps
            (core.cpu as? any DebuggableCPU)?.setDebugging(
                CPUDebugging(breakpoints: breakpoints, watchpoints: watchpoints, steps: steps))
            core.isStepped.store(steps, ordering: .releasing)
        }
        guard resumptions.contains(.held) else {
            resume()
            return
        }
        pause(clock: resumptions.contains(.goesOn) ? .goesOn : .standsStill)
        for (core, resumption) in zip(cores, resumptions) where resumption != .held {
            core.isReleased.store(true, ordering: .releasing)
            core.wake()
        }
    }

    /// A core has stopped for a debugger. On its thread.
    func stopped(_ core: Core, _ stop: DebugStop) {
        holdCores()
        events.debugStop?(core.index, stop)
    }

    private func holdCores() {
        for core in cores {
            core.isReleased.store(false, ordering: .releasing)
            core.isStepped.store(false, ordering: .releasing)
        }
        pause(clock: .standsStill)
    }

    // MARK: Registers

    /// A core's registers; nil while it executes something.
    public func debugRegisters(ofCore index: Int) -> CPURegisters? {
        guard let cpu = standingCPU(index) else { return nil }
        guard case .paused(.starting(let start)) = cores[index].activity else { return cpu.debugRegisters }
        // It is reset when its turn comes.
        var registers = CPURegisters()
        registers.pc = start.entry
        registers.x[0] = start.contextID
        registers.pstate = PSTATE.reset.rawValue
        return registers
    }

    /// Sets a core's registers.
    ///
    /// - Parameters:
    ///   - registers: all of them.
    ///   - index: of the core.
    /// - Returns: false, and nothing is changed, if the core executes something, has not begun to, or cannot be in such
    ///   a state.
    public func setDebugRegisters(_ registers: CPURegisters, ofCore index: Int) -> Bool {
        guard let cpu = standingCPU(index) else { return false }
        if case .paused(.starting) = cores[index].activity { return false }
        return cpu.setDebugRegisters(registers)
    }

    /// The CPU of a core that executes nothing; nil if there is none.
    private func standingCPU(_ index: Int) -> (any DebuggableCPU)? {
        guard cores.indices.contains(index) else { return nil }
        return switch cores[index].activity {
        case .paused, .ended: cores[index].cpu as? any DebuggableCPU
        case .off, .starting, .running, .waiting, .waitingForEvent, .standby, .poweredDown, .systemSuspended: nil
        }
    }

    // MARK: Memory

    private static let pageMask = (UInt64(1) << GuestMemory.pageShift) - 1

    /// Reads memory, and no device, as far as there is any.
    ///
    /// - Parameters:
    ///   - address: of the first byte.
    ///   - count: how many bytes are wanted.
    /// - Returns: fewer bytes if those behind them are not memory, or not mapped; none at all while the core executes
    ///   something whose addresses are asked for.
    public func debugRead(_ address: DebuggedAddress, count: Int) -> [UInt8] {
        place(address).map { read($0, count: count) } ?? []
    }

    /// The same by the virtual addresses of a CPU, on the thread of its core.
    func debugRead(at address: UInt64, count: Int, of cpu: any DebuggableCPU) -> [UInt8] {
        read(.virtual(address, cpu), count: count)
    }

    private func read(_ place: Place, count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        forEachPiece(of: place, count: count) { physical, count in
            guard let read = memory.read(at: physical, count: count) else { return false }
            bytes += read
            return true
        }
        return bytes
    }

    /// Writes to RAM, whatever the guest itself may do there.
    ///
    /// - Parameters:
    ///   - bytes: what is to be there.
    ///   - address: of the first byte.
    /// - Returns: whether all of it is; if not, nothing was changed.
    public func debugWrite(_ bytes: [UInt8], to address: DebuggedAddress) -> Bool {
        place(address).map { write(bytes, $0) } ?? false
    }

    /// The same by the virtual addresses of a CPU, on the thread of its core.
    func debugWrite(_ bytes: [UInt8], at address: UInt64, of cpu: any DebuggableCPU) -> Bool {
        write(bytes, .virtual(address, cpu))
    }

    private func write(_ bytes: [UInt8], _ place: Place) -> Bool {
        var pieces: [(address: PhysicalAddress, count: Int)] = []
        let isThere = forEachPiece(of: place, count: bytes.count) { physical, count in
            pieces.append((physical, count))
            return memory.contains(physical, count: UInt64(count))
        }
        guard isThere else { return false }
        var rest = bytes[...]
        for piece in pieces {
            memory.write(Array(rest.prefix(piece.count)), at: piece.address)
            rest = rest.dropFirst(piece.count)
        }
        return true
    }

    /// An address, and the CPU whose it is.
    private enum Place {
        case virtual(UInt64, any DebuggableCPU)
        case physical(PhysicalAddress)
    }

    /// nil while the CPU does not stand still.
    private func place(_ address: DebuggedAddress) -> Place? {
        switch address {
        case .virtual(let address, let core): standingCPU(core).map { .virtual(address, $0) }
        case .physical(let address): .physical(address)
        }
    }

    /// Calls `body` with each part of a range that is on one page, until it says no.
    ///
    /// - Returns: whether it never did, and all of the range leads somewhere.
    @discardableResult
    private func forEachPiece(
        of place: Place, count: Int, _ body: (PhysicalAddress, Int) -> Bool
    ) -> Bool {
        var done = 0
        while done < count {
            let physical: PhysicalAddress
            switch place {
            case .physical(let first): physical = first &+ UInt64(done)
            case .virtual(let first, let cpu):
                guard let found = translate(first &+ UInt64(done), cpu) else { return false }
                physical = found
            }
            let piece = min(count - done, Int(Self.pageMask + 1 - physical & Self.pageMask))
            guard body(physical, piece) else { return false }
            done += piece
        }
        return true
    }

    /// Where an address of a CPU's leads, whatever may be done there.
    private func translate(_ address: UInt64, _ cpu: any DebuggableCPU) -> PhysicalAddress? {
        var regime = cpu.translationRegime
        // A page whose access flag is clear has its bytes all the same.
        regime.tcr |= TCR.ha
        var tables = UnchangedTables(memory: memory)
        let access = TranslationAccess(.read, privileged: true)
        guard case .success(let found) = regime.translate(address, for: access, pan: false, memory: &tables) else {
            return nil
        }
        return found.physicalAddress
    }
}

/// Translation tables as somebody finds them who leaves no trace.
private struct UnchangedTables: DescriptorMemory {
    let memory: GuestMemory

    func loadDescriptor(at address: UInt64) -> UInt64? { memory.load(at: address) }

    func compareExchangeDescriptor(at address: UInt64, expected: UInt64, desired: UInt64) -> Bool? { true }
}
