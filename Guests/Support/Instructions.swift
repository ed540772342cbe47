// What start.S does for Swift: system registers, and instructions without a Swift form.

@_extern(c, "guest_hvc") func hvc(_ registers: UnsafeMutableRawPointer)
@_extern(c, "guest_smc") func smc(_ registers: UnsafeMutableRawPointer)

/// MPIDR_EL1.
@_extern(c, "read_mpidr") func readMPIDR() -> UInt64
/// ID_AA64PFR0_EL1.
@_extern(c, "read_id_aa64pfr0") func readIDAA64PFR0() -> UInt64
/// CNTFRQ_EL0, in Hz.
@_extern(c, "read_cntfrq") func readCounterFrequency() -> UInt64
/// CNTVCT_EL0, in ticks.
@_extern(c, "read_cntvct") func readVirtualCounter() -> UInt64
/// CNTV_CVAL_EL0, in ticks.
@_extern(c, "write_cntv_cval") func writeVirtualTimerCompareValue(_ value: UInt64)
/// CNTV_CTL_EL0: bit 0 enables, bit 1 masks.
@_extern(c, "write_cntv_ctl") func writeVirtualTimerControl(_ value: UInt64)
/// ICC_SRE_EL1.
@_extern(c, "write_icc_sre") func writeICCSystemRegisterEnable(_ value: UInt64)
/// ICC_PMR_EL1.
@_extern(c, "write_icc_pmr") func writeICCPriorityMask(_ value: UInt64)
/// ICC_IAR1_EL1: takes the highest-priority interrupt.
@_extern(c, "read_icc_iar1") func readICCInterruptAcknowledge1() -> UInt64
/// ICC_EOIR1_EL1.
@_extern(c, "write_icc_eoir1") func writeICCEndOfInterrupt1(_ value: UInt64)
/// ICC_IGRPEN1_EL1.
@_extern(c, "write_icc_igrpen1") func writeICCInterruptGroup1Enable(_ value: UInt64)

/// WFI.
@_extern(c, "wait_for_interrupt") func waitForInterrupt()
/// WFE.
@_extern(c, "wait_for_event") func waitForEvent()
/// SEV.
@_extern(c, "send_event") func sendEvent()
/// DSB SY.
@_extern(c, "memory_barrier") func memoryBarrier()

/// Where the boot core lists the affinities of the cores, by their numbers.
@_extern(c, "core_affinities_address") func coreAffinitiesAddress() -> UInt
/// Where the mailboxes are, one after the other.
@_extern(c, "mailboxes_address") func mailboxesAddress() -> UInt
/// The entry point for CPU_ON.
@_extern(c, "secondary_entry_address") func secondaryEntryAddress() -> UInt64
/// The entry point for calls that power the calling core down, and where it finds how they were made.
@_extern(c, "resume_entry_address") func resumeEntryAddress() -> UInt64
/// 256 bytes for each core: what `powerDownCall` keeps, and from byte 176 on what the core found when it came back.
@_extern(c, "resume_frames_address") func resumeFramesAddress() -> UInt
/// A call that may power the core down: 0 if it returned, 1 if the core came back at `resumeEntryAddress`.
@_extern(c, "guest_suspending_call")
func powerDownCall(_ core: Int, _ registers: UnsafeMutableRawPointer, _ conduit: UInt64) -> UInt64
