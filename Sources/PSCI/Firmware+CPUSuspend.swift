// CPU_SUSPEND: the calling core has no work for now. DEN0022 F.b §5.1.2 and §5.4.
//
// Only standby of the core itself is offered, as no device tree or ACPI table of ours describes another state: every
// other power_state is invalid (§5.4.5). Power-down and composite states will come as a list of states in the policy and
// an effect that carries the entry point and the context id; the check of the entry point is `cpuOn`'s.

extension Firmware {
    func cpuSuspend(_ arguments: Arguments) -> Answer {
        guard PowerState(rawValue: arguments.firstWord) == .coreStandby else { return .code(.invalidParameters) }
        // §5.4.9: a standby state is indistinguishable from WFI, and SUCCESS is what the core finds when it wakes. The
        // entry point and the context id are only valid with a power-down state (§5.4.2.1), so they are not looked at.
        return .code(.success, effect: .standby)
    }
}
