// The machine-wide part of the software back end.
//
// Responsible for: what CPUs share (memory, bus, code cache, clock) and what one of them asks of all others: dropping
// translations, dropping write access to pages that became code, starting over with the code cache. Not responsible
// for running anything: see `EmulatedCPU`.

import Arm64
import Hypervisor
import Synchronization

/// How often ROM became a device. CPUs compare it between blocks, so each has a reference of its own: that to the machine
/// is slower.
final class ROMChanges: Sendable {
    private let changes = Atomic<UInt64>(0)

    var count: UInt64 { changes.load(ordering: .sequentiallyConsistent) }

    func add() { changes.wrappingAdd(1, ordering: .sequentiallyConsistent) }
}

/// A virtual machine on software CPUs.
///
/// Safe to share between threads: everything is immutable after `init`, or locks for itself.
public final class EmulatedVM: BackendVM, @unchecked Sendable {
    let configuration: BackendConfiguration
    let codeCache: CodeCache
    #if arch(x86_64)
    /// nil if guest code is interpreted only.
    let translator: Translator?
    #endif
    /// One for each CPU, by index. Each may be run by one thread at a time.
    @exclusivity(unchecked) public private(set) var cpus: [EmulatedCPU] = []

    /// Code-cache flushes so far: a CPU that saw number n has let go of all blocks made before it.
    let flushes = Atomic<UInt64>(0)
    private let flushLock = Mutex(())
    let romChanges = ROMChanges()

    /// - Parameters:
    ///   - configuration: the machine's part of it.
    ///   - engine: how guest code is executed.
    ///   - codeCacheByteCount: the most memory that translated code may take.
    /// - Precondition: at least one CPU.
    public convenience init(
        _ configuration: BackendConfiguration, engine: Engine = .auto, codeCacheByteCount: Int = 512 << 20
    ) throws(GuestMemoryError) {
        try self.init(configuration, engine: engine, codeCacheByteCount: codeCacheByteCount, hostFeatures: nil)
    }

    /// The same, with what translated code may use of the host; nil for all that it has.
    init(
        _ configuration: BackendConfiguration, engine: Engine, codeCacheByteCount: Int, hostFeatures: HostFeatures?
    ) throws(GuestMemoryError) {
        precondition(configuration.cpuCount > 0, "a machine has at least one CPU")
        self.configuration = configuration
        let code = try CodeMemory(
            configuration, engine: engine, byteCount: codeCacheByteCount, hostFeatures: hostFeatures)
        #if arch(x86_64)
        translator = code.translator
        #endif
        codeCache = code.cache
        cpus = (0..<configuration.cpuCount).map { EmulatedCPU(index: $0, of: self) }
        configuration.memory.observer = self
    }

    public var virtualCPUs: [any VirtualCPU] { cpus }

    // MARK: Requests to all CPUs

    /// Drops the blocks of the page at `physical`, and makes every CPU look up its next block again.
    func invalidateCode(at physical: PhysicalAddress) {
        if codeCache.invalidatePage(physical) {
            for cpu in cpus { cpu.raiseRequest() }
        }
    }

    /// Asks all CPUs but `sender` for something; they do it before they execute their next block.
    func broadcast(_ request: CPURequest, from sender: EmulatedCPU) {
        for cpu in cpus where cpu !== sender { cpu.post(request) }
    }

    /// Waits until every request posted by now is done, or its CPU is not running guest code and will do it first.
    /// `sender` holds no block, for it does meanwhile what is asked of it.
    func waitForRequests(from sender: EmulatedCPU) {
        for cpu in cpus where cpu !== sender {
            let target = cpu.postedRequests
            while cpu.isRunning && cpu.completedRequests < target {
                sender.serviceRequests()
                // Servicing took the flag down, which may stand for more than the mailbox.
                sender.raiseRequest()
                yieldThread()
            }
        }
    }

    // MARK: ROM that becomes a device

    /// Waits until no CPU that runs takes ROM for memory that is a device by now. `sender` may be inside a block, where
    /// it can do nothing else that is asked of it: so this is no `CPURequest`.
    func waitForROMChanges(from sender: EmulatedCPU) {
        let target = romChanges.count
        sender.serviceROMChanges()
        for cpu in cpus where cpu !== sender {
            while cpu.isRunning && cpu.servicedROMChanges < target {
                // Another CPU may wait for this one in the same way.
                sender.serviceROMChanges()
                yieldThread()
            }
        }
    }

    /// Starts over with the code cache, because it is full or little of it is needed. `sender` holds no block.
    ///
    /// - Parameters:
    ///   - sender: the CPU on whose thread this is.
    ///   - emptiesMemory: whether what the code took is given back to the host, for which every CPU that runs is waited
    ///     for once more.
    func flushCode(from sender: EmulatedCPU, emptiesMemory: Bool = false) {
        let seen = flushes.load(ordering: .acquiring)
        while !flushLock.withLockIfAvailable({ _ in
            // Somebody else may have flushed while this CPU waited for its turn.
            guard flushes.load(ordering: .acquiring) == seen else { return }
            // The other half may be reused when no CPU runs in blocks from before the last flush.
            broadcast(.releaseBlocks, from: sender)
            waitForRequests(from: sender)
            codeCache.flush()
            #if arch(x86_64)
            translator?.flush()
            #endif
            flushes.wrappingAdd(1, ordering: .releasing)
            broadcast(.releaseBlocks, from: sender)
            sender.releaseBlocks()
            guard emptiesMemory else { return }
            waitForRequests(from: sender)
            codeCache.emptyOtherHalf()
            #if arch(x86_64)
            translator?.emptyOtherHalf()
            #endif
        }).isSome {
            sender.serviceRequests()
            yieldThread()
        }
    }

    /// Bytes that translated code takes now.
    public var codeByteCount: Int { codeCache.usedByteCount }
}

extension EmulatedVM: GuestMemoryObserver {
    public func memoryWasWritten(_ range: Range<PhysicalAddress>) {
        // The write must be seen before the page is found not to be watched: a vCPU marks a page first, and reads it
        // then.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        codeCache.watch.forEachWatchedPage(in: range) { invalidateCode(at: $0) }
    }

    public func romChangedMode(_ rom: GuestROM) {
        // While it was a device nobody could keep anything of it.
        guard rom.mode == .device else { return }
        codeCache.watch.forEachWatchedPage(in: rom.range) { invalidateCode(at: $0) }
        // The mode is set by now: who sees the new number finds it.
        romChanges.add()
        for cpu in cpus { cpu.raiseRequest() }
    }
}

extension Optional {
    fileprivate var isSome: Bool { self != nil }
}
