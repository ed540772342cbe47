// What is left of a CPU that was powered down while it was idle.

extension EmulatedCPU {
    /// Puts the core into the state of DEN0022 F.b §6.4, as `reset` does, but leaves its timers running: they are what
    /// wakes it, and the device tree promises that they are always on.
    public func powerUp(entry: UInt64, context: UInt64) {
        let system = state.system.pointee
        #if arch(x86_64)
        fetchAhead()
        #endif
        reset(entry: entry, context: context)
        state.system.pointee.cntvCtl = system.cntvCtl
        state.system.pointee.cntvCval = system.cntvCval
        state.system.pointee.cntpCtl = system.cntpCtl
        state.system.pointee.cntpCval = system.cntpCval
        updateTimers()
    }
}
