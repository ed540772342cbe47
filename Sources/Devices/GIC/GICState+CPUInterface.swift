// Reads and writes of the ICC_*_EL1 registers. IHI 0069, "AArch64 System register descriptions".

extension GICState {
    /// nil if the PE has no such register, or if it cannot be read.
    mutating func readSystemRegister(_ register: UInt16, cpu: Int) -> UInt64? {
        let interface = processors[cpu].interface
        switch register {
        case ICC.IAR1_EL1: return UInt64(acknowledge(.group1, cpu: cpu) ?? ICC.spurious)
        case ICC.IAR0_EL1: return UInt64(acknowledge(.group0, cpu: cpu) ?? ICC.spurious)
        case ICC.HPPIR1_EL1: return UInt64(highestPending(.group1, cpu: cpu) ?? ICC.spurious)
        case ICC.HPPIR0_EL1: return UInt64(highestPending(.group0, cpu: cpu) ?? ICC.spurious)
        case ICC.PMR_EL1: return UInt64(interface.priorityMask)
        case ICC.RPR_EL1: return UInt64(interface.runningPriority)
        case ICC.BPR0_EL1: return UInt64(interface.binaryPoint0)
        case ICC.BPR1_EL1: return UInt64(interface.binaryPoint1)
        case ICC.AP0R0_EL1: return UInt64(interface.activePriorities0)
        case ICC.AP1R0_EL1: return UInt64(interface.activePriorities1)
        case ICC.CTLR_EL1:
            return ICC.CTLRField.readOnly
                | (interface.sharesBinaryPoint ? ICC.CTLRField.commonBinaryPoint : 0)
                | (interface.splitsEndOfInterrupt ? ICC.CTLRField.endOfInterruptMode : 0)
        case ICC.SRE_EL1: return ICC.systemRegisterEnable
        case ICC.IGRPEN0_EL1: return interface.isGroup0Enabled ? ICC.groupEnable : 0
        case ICC.IGRPEN1_EL1: return interface.isGroup1Enabled ? ICC.groupEnable : 0
        default: return nil
        }
    }

    /// false if the PE has no such register, or if it cannot be written.
    mutating func writeSystemRegister(_ register: UInt16, _ value: UInt64, cpu: Int) -> Bool {
        let intid = Int(value & ICC.intidMask)
        let byte = UInt8(truncatingIfNeeded: value)
        switch register {
        case ICC.EOIR1_EL1: endOfInterrupt(intid, .group1, cpu: cpu)
        case ICC.EOIR0_EL1: endOfInterrupt(intid, .group0, cpu: cpu)
        case ICC.DIR_EL1:
            // Unpredictable unless EOIR leaves deactivation to it; then it does nothing.
            if processors[cpu].interface.splitsEndOfInterrupt { deactivate(intid, cpu: cpu) }
        case ICC.SGI1R_EL1: send(SGIRequest(value), allowsGroup1: true, from: cpu)
        case ICC.SGI0R_EL1, ICC.ASGI1R_EL1: send(SGIRequest(value), allowsGroup1: false, from: cpu)
        case ICC.PMR_EL1: changeInterface(of: cpu) { $0.priorityMask = byte }
        case ICC.BPR0_EL1: changeInterface(of: cpu) { $0.binaryPoint0 = byte }
        case ICC.BPR1_EL1: changeInterface(of: cpu) { $0.binaryPoint1 = byte }
        case ICC.AP0R0_EL1: changeInterface(of: cpu) { $0.activePriorities0 = UInt32(truncatingIfNeeded: value) }
        case ICC.AP1R0_EL1: changeInterface(of: cpu) { $0.activePriorities1 = UInt32(truncatingIfNeeded: value) }
        case ICC.CTLR_EL1:
            changeInterface(of: cpu) {
                $0.sharesBinaryPoint = value & ICC.CTLRField.commonBinaryPoint != 0
                $0.splitsEndOfInterrupt = value & ICC.CTLRField.endOfInterruptMode != 0
            }
        case ICC.SRE_EL1: break
        case ICC.IGRPEN0_EL1:
            changeParticipation(of: cpu) { $0.interface.isGroup0Enabled = value & ICC.groupEnable != 0 }
        case ICC.IGRPEN1_EL1:
            changeParticipation(of: cpu) { $0.interface.isGroup1Enabled = value & ICC.groupEnable != 0 }
        default: return false
        }
        return true
    }

    /// ICC_HPPIR0_EL1 and ICC_HPPIR1_EL1, which neither the mask nor what is running hides; nil if the
    /// highest-priority pending interrupt is of the other group.
    private func highestPending(_ group: InterruptGroup, cpu: Int) -> Int? {
        guard let pending = highestPending(for: cpu), pending.group == group else { return nil }
        return pending.intid
    }

    /// Makes an SGI pending for the PEs that a request names.
    ///
    /// With one Security state, ICC_SGI1R_EL1 generates SGIs of the group that the target has configured, while
    /// ICC_SGI0R_EL1 generates only those of group 0, and so does ICC_ASGI1R_EL1 ("Forwarding an SGI to a target PE").
    private mutating func send(_ request: SGIRequest, allowsGroup1: Bool, from sender: Int) {
        let targets: UInt64
        if request.isBroadcast {
            let all = UInt64.max >> UInt64(UInt64.bitWidth - processors.count)
            targets = all & ~(1 << UInt64(sender))
        } else {
            targets = topology.processors(first: request.firstAffinity, targetList: request.targetList)
        }
        for target in SetBits(targets) {
            guard allowsGroup1 || processors[target].bank.group(of: request.intid) == .group0 else { continue }
            changePrivateInterrupts(of: target) { $0.latch(request.intid) }
        }
    }
}
