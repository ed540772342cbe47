// One run: from an empty machine to an end, and everything on its disks. What cores do meanwhile is in
// `VirtualMachine+Cores`.

import Boot
import Devices
import HostSupport
import Hypervisor
import PSCI
import Synchronization

extension VirtualMachine {
    /// Boots the guest and runs it until the run ends. May be called again, for instance after a reset.
    ///
    /// When it returns, no core runs any more and everything that the guest wrote to its disks is on stable storage. What
    /// its firmware wrote to its variables may not be (`variablesFailure`): the next run tries that again, and does not
    /// begin without it.
    public func run() throws(MachineError) -> RunEnd {
        setPhase(.underWay)
        do throws(MachineError) {
            let end = try runOnce()
            setPhase(.ended(end))
            return end
        } catch {
            setPhase(.off)
            throw error
        }
    }

    private func setPhase(_ new: RunPhase) {
        phase.withLock { $0 = new }
        pauseObservers.wake()
    }

    private func runOnce() throws(MachineError) -> RunEnd {
        if variablesFailure != nil { try storeVariables() }
        let plan = try load()
        guardHibernationImages()
        // Another kernel may be booted this time.
        calls.withLock { $0.knowsSystemOff2 = false }
        events.loaded?()
        // A stop that came before the start counts.
        if let end = takeStop() { return end }
        for core in cores { core.reset() }
        power.boot(entry: plan.entry, contextID: plan.x0, isCold: !keepsMemory.load(ordering: .acquiring))
        _ = systemSuspend.end()
        if instructionClock != nil {
            runInTurns()
        } else {
            var threads: [HostThread] = []
            var clockThreads: [HostThread] = []
            alarmClock.start()
            watchdogClock.start()
            defer {
                alarmClock.stop()
                watchdogClock.stop()
                for thread in clockThreads { thread.join() }
            }
            do throws(HostResourceError) {
                if let rtc {
                    let alarmClock = alarmClock
                    clockThreads.append(try HostThread { alarmClock.run(rtc) })
                }
                if let watchdog, let hostClock {
                    let watchdogClock = watchdogClock
                    clockThreads.append(
                        try HostThread { watchdogClock.run(watchdog) { hostClock.hostTime(ofCounter: $0) } })
                }
                for core in cores {
                    threads.append(try HostThread { [self] in runOnOwnThread(core) })
                }
            } catch {
                finish(.stopped(.host("out of threads")))
                for thread in threads { thread.join() }
                throw .host(error.description)
            }
            for thread in threads { thread.join() }
        }
        let flushStart = BootClock.now
        // The first thing that fails keeps nothing else from being stored.
        var failure: MachineError?
        for disk in disks {
            do throws(DiskFileError) {
                try disk.flush()
            } catch { failure = failure ?? .disk(error) }
        }
        endTimes.withLock { $0.flush = BootClock.now - flushStart }
        // They may be lost and how the guest ended is known all the same. The laboratory may cut the power at what is to be
        // written; they are what they are then.
        if !isPowerCut { try? storeVariables() }
        if isPowerCut {
            flashFailure.withLock { $0 = nil }
            for flash in flashes { flash.losePower() }
        }
        let end = takeStop() ?? .stopped(.host("the machine stopped without a reason"))
        // A disk that is not stored may lack what the guest left on it, and how the guest ended is worth nothing then.
        if let failure { throw failure }
        keepsMemory.store(end.isWarmReset, ordering: .releasing)
        return end
    }

    /// Stores what of the firmware's variables is not stored yet, and keeps why it cannot be.
    private func storeVariables() throws(MachineError) {
        var failure: FlashFileError?
        for flash in flashes where !isPowerCut {
            do throws(FlashFileError) { try flash.flush() } catch { failure = failure ?? error }
        }
        flashFailure.withLock { $0 = failure }
        if let failure { throw .flash(failure) }
    }

    private var isPowerCut: Bool {
        end.withLock { if case .stopped(.powerCut)? = $0 { true } else { false } }
    }

    private func takeStop() -> RunEnd? {
        end.withLock { end in
            defer { end = nil }
            return end
        }
    }
}

extension VirtualMachine {
    /// Guest instructions executed by all cores since the machine was made. Exact once `run` has returned.
    public var instructionCount: UInt64 {
        cpus.reduce(0) { $0 + $1.instructionCount }
    }

    /// The size of each disk as the guest sees it, in bytes, in their order.
    public var diskByteCounts: [UInt64] { disks.map(\.byteCount) }

    /// The name of the format of each disk's file, in their order.
    public var diskFormatNames: [String] { disks.map(\.formatName) }

    /// Why what the guest's firmware wrote last to its variables is not on stable storage, if it is not. How the guest
    /// ended is as it was; but it must not boot again with other variables than it wrote, on no machine.
    public var variablesFailure: FlashFileError? { flashFailure.withLock(\.self) }

    /// What was asked of the disks since the machine was made, in their order.
    public var diskActivity: [DiskActivity] { disks.map(\.activity) }

    /// What went through the network devices since the machine was made, in their order.
    public var networkActivity: [NetworkActivity] { networks.map(\.activity) }

    /// How often all cores came back from guest code for that reason since the machine was made. From any thread, at
    /// any time.
    public func exitCount(_ reason: ExitReason) -> UInt64 { cores.reduce(0) { $0 + $1.exitCounts[reason] } }

    /// What the guest asked of its firmware since the machine was made.
    public var firmwareCalls: FirmwareCallRecord { calls.withLock { $0 } }

    /// How many writes the guest has made to each disk since the machine was made.
    public var diskWriteCounts: [UInt64] { disks.map(\.activity.writes) }

    /// Bytes that translated code takes now.
    public var codeByteCount: Int { backendVM.codeByteCount }

    /// The registers of every core, as text. A snapshot is only consistent once `run` has returned.
    public func dump() -> String {
        cpus.map(\.stateDescription).joined(separator: "\n")
            + "\ninstructions \(instructionCount)"
    }
}
