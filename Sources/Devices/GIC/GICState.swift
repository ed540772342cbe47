// Everything that the GIC's lock protects, and how an interrupt finds its way to a PE.
//
// Responsible for: routing, the highest-priority pending interrupt of each PE, and its interrupt request. Not
// responsible for: register encodings (the extensions of this type), locks, or calling anybody.
//
// Nothing is sorted or cached: pending interrupts are few at any moment, so the highest one is found by looking at
// nine words and at the interrupts whose bits are set in them. What changes affects only the PEs that it concerns.

/// The state of a GICv3 with one Security state and affinity routing.
struct GICState: Sendable {
    /// What belongs to one PE: its redistributor and its CPU interface.
    struct Processor: Sendable {
        /// SGIs and PPIs.
        var bank = InterruptBank.sgisAndPPIs
        /// GICR_WAKER.ProcessorSleep: nothing is forwarded to the CPU interface. So after reset, until firmware has
        /// woken the redistributor: what a guest finds is awake.
        var isAsleep = false
        var interface = CPUInterface()
        /// The level of the PE's IRQ input.
        var isSignalled = false
    }

    let topology: GICTopology
    /// The writable bits of GICD_CTLR.
    var control: UInt32 = 0
    private(set) var spis = [InterruptBank](repeating: .spis, count: GICGeometry.bankCount - 1)
    /// GICD_IROUTER<n>, by SPI.
    private(set) var routers = [UInt64](repeating: 0, count: GICGeometry.spiCount)
    /// The PE to which each SPI goes: the one its router names, or the one chosen for it if any may take it.
    private var targets: [Int]
    private(set) var processors: [Processor]
    /// The PEs whose IRQ input changed since `takeChangedSignals`.
    private var changedSignals: UInt64 = 0
    /// The PEs whose next wake request somebody waits for.
    var awaitedWakeRequests: UInt64 = 0
    /// Where the choice of a PE for a 1-of-N interrupt starts, so that they take turns.
    private var lastChosen = 0

    init(topology: GICTopology) {
        self.topology = topology
        targets = [Int](repeating: topology.processor(Affinity(mpidr: 0)), count: GICGeometry.spiCount)
        processors = [Processor](repeating: Processor(), count: topology.affinities.count)
    }

    /// Power-on state. What is not the GIC's own stays: the levels that devices give their wires.
    mutating func reset() {
        let old = self
        self = GICState(topology: topology)
        for bank in spis.indices {
            spis[bank] = old.spis[bank].afterReset(from: .spis)
        }
        for cpu in processors.indices {
            processors[cpu].bank = old.processors[cpu].bank.afterReset(from: .sgisAndPPIs)
            processors[cpu].isSignalled = old.processors[cpu].isSignalled
        }
        changedSignals = old.changedSignals
        awaitedWakeRequests = old.awaitedWakeRequests
        updateAll()
    }

    /// The PEs whose IRQ input changed since the last call, as a set of indices.
    mutating func takeChangedSignals() -> UInt64 {
        defer { changedSignals = 0 }
        return changedSignals
    }

    /// The PEs that have a wake request which is waited for: it no longer is.
    mutating func takeWakeRequests() -> UInt64 {
        var woken: UInt64 = 0
        for cpu in SetBits(awaitedWakeRequests) where hasWakeRequest(for: cpu) { woken |= 1 << UInt64(cpu) }
        awaitedWakeRequests &= ~woken
        return woken
    }

    // MARK: Which interrupt a PE would get

    /// The highest-priority pending interrupt that reaches the CPU interface of a PE. Of several with the same
    /// priority, the one with the lowest INTID.
    func highestPending(for cpu: Int) -> PendingInterrupt? {
        guard !processors[cpu].isAsleep else { return nil }
        return highestPending(
            for: cpu,
            group0: isForwarded(.group0) && processors[cpu].interface.isGroup0Enabled,
            group1: isForwarded(.group1) && processors[cpu].interface.isGroup1Enabled)
    }

    /// Whether the redistributor of a PE has an interrupt for it, be it asleep and its CPU interface off.
    func hasWakeRequest(for cpu: Int) -> Bool {
        highestPending(for: cpu, group0: isForwarded(.group0), group1: isForwarded(.group1)) != nil
    }

    private func highestPending(for cpu: Int, group0: Bool, group1: Bool) -> PendingInterrupt? {
        guard group0 || group1 else { return nil }
        var best: PendingInterrupt?
        for index in SetBits(processors[cpu].bank.candidates(group0: group0, group1: group1)) {
            let priority = processors[cpu].bank.priorities[index]
            if let best, best.priority <= priority { continue }
            best = PendingInterrupt(intid: index, priority: priority, group: processors[cpu].bank.group(of: index))
        }
        for bank in spis.indices {
            for index in SetBits(spis[bank].candidates(group0: group0, group1: group1)) {
                let spi = bank * GICGeometry.bankSize + index
                guard targets[spi] == cpu else { continue }
                let priority = spis[bank].priorities[index]
                if let best, best.priority <= priority { continue }
                best = PendingInterrupt(
                    intid: GICGeometry.firstSPI + spi, priority: priority, group: spis[bank].group(of: index))
            }
        }
        return best
    }

    /// Whether the distributor forwards the interrupts of a group.
    private func isForwarded(_ group: InterruptGroup) -> Bool {
        control & (group == .group0 ? GICD.CTLRField.enableGroup0 : GICD.CTLRField.enableGroup1) != 0
    }

    /// Recomputes the IRQ input of a PE.
    ///
    /// A group 0 interrupt asks for an FIQ, which the vCPU has no input for: it behaves like a core whose FIQs are
    /// always masked. Such an interrupt hides lower ones, as there, until it is read from ICC_IAR0_EL1.
    mutating func update(_ cpu: Int) {
        var signal = false
        if let pending = highestPending(for: cpu), pending.group == .group1 {
            signal = processors[cpu].interface.canTake(priority: pending.priority, group: pending.group)
        }
        if signal != processors[cpu].isSignalled {
            processors[cpu].isSignalled = signal
            changedSignals |= 1 << UInt64(cpu)
        }
    }

    /// Recomputes every IRQ input, and who takes 1-of-N interrupts.
    mutating func updateAll() {
        reassign()
        for cpu in processors.indices { update(cpu) }
    }

    private mutating func update(all cpus: UInt64) {
        for cpu in SetBits(cpus) { update(cpu) }
    }

    // MARK: SPIs

    /// Changes a bank of SPIs by `change`, which returns the SPIs that this concerns, and brings it to the PEs.
    mutating func changeSPIs(in bank: Int, by change: (inout InterruptBank) -> UInt32) {
        let changed = change(&spis[bank])
        guard changed != 0 else { return }
        var affected: UInt64 = 0
        for index in SetBits(changed) {
            let spi = bank * GICGeometry.bankSize + index
            affected |= targetSet(spi)
            if needsTarget(spi) {
                choose(for: spi)
                affected |= targetSet(spi)
            }
        }
        update(all: affected)
    }

    /// Changes the SGIs and PPIs of a PE by `change`, which returns the interrupts that this concerns.
    mutating func changePrivateInterrupts(of cpu: Int, by change: (inout InterruptBank) -> UInt32) {
        if change(&processors[cpu].bank) != 0 { update(cpu) }
    }

    /// Writes GICD_IROUTER<n>.
    mutating func setRouter(_ value: UInt64, of spi: Int) {
        var affected = targetSet(spi)
        routers[spi] = value & GICD.IROUTERField.writable
        targets[spi] = isOneOfN(spi) ? GICTopology.nobody : topology.processor(Affinity(mpidr: value))
        if needsTarget(spi) { choose(for: spi) }
        affected |= targetSet(spi)
        update(all: affected)
    }

    private func targetSet(_ spi: Int) -> UInt64 {
        targets[spi] == GICTopology.nobody ? 0 : 1 << UInt64(targets[spi])
    }

    // MARK: 1-of-N: GICD_IROUTER<n>.Interrupt_Routing_Mode

    private func isOneOfN(_ spi: Int) -> Bool {
        routers[spi] & GICD.IROUTERField.anyParticipating != 0
    }

    /// Whether the SPI is a 1-of-N interrupt that is to be delivered.
    private func needsTarget(_ spi: Int) -> Bool {
        isOneOfN(spi)
            && spis[spi / GICGeometry.bankSize].candidates >> UInt32(spi % GICGeometry.bankSize) & 1 != 0
    }

    private func participates(_ cpu: Int, in group: InterruptGroup) -> Bool {
        !processors[cpu].isAsleep && processors[cpu].interface.isEnabled(group)
    }

    /// Gives a pending 1-of-N interrupt to a participating PE: the next one in turn that would take it at once, else
    /// the next one.
    private mutating func choose(for spi: Int) {
        let bank = spi / GICGeometry.bankSize
        let index = spi % GICGeometry.bankSize
        let group = spis[bank].group(of: index)
        var choice = GICTopology.nobody
        for step in 1...processors.count {
            let cpu = (lastChosen + step) % processors.count
            guard participates(cpu, in: group) else { continue }
            if choice == GICTopology.nobody { choice = cpu }
            if !processors[cpu].isSignalled,
                processors[cpu].interface.canTake(priority: spis[bank].priorities[index], group: group)
            {
                choice = cpu
                break
            }
        }
        targets[spi] = choice
        if choice != GICTopology.nobody { lastChosen = choice }
    }

    /// Moves pending 1-of-N interrupts away from PEs that no longer participate, and to the first one that does.
    private mutating func reassign() {
        for bank in spis.indices {
            for index in SetBits(spis[bank].candidates) {
                let spi = bank * GICGeometry.bankSize + index
                guard isOneOfN(spi) else { continue }
                let target = targets[spi]
                if target == GICTopology.nobody || !participates(target, in: spis[bank].group(of: index)) {
                    choose(for: spi)
                }
            }
        }
    }

    // MARK: PEs

    /// Changes the CPU interface of a PE in a way that concerns only this PE.
    mutating func changeInterface(of cpu: Int, by change: (inout CPUInterface) -> Void) {
        change(&processors[cpu].interface)
        update(cpu)
    }

    /// Changes whether a PE takes interrupts at all, which decides where 1-of-N interrupts go.
    mutating func changeParticipation(of cpu: Int, by change: (inout Processor) -> Void) {
        change(&processors[cpu])
        updateAll()
    }

    /// ICC_IAR0_EL1 and ICC_IAR1_EL1: hands the PE its highest-priority pending interrupt, which becomes active.
    /// nil if it is of another group, masked, or not higher than what the PE is busy with.
    mutating func acknowledge(_ group: InterruptGroup, cpu: Int) -> Int? {
        guard let pending = highestPending(for: cpu), pending.group == group,
            processors[cpu].interface.canTake(priority: pending.priority, group: group)
        else { return nil }
        if pending.intid < GICGeometry.firstSPI {
            processors[cpu].bank.acknowledge(pending.intid)
        } else {
            let spi = pending.intid - GICGeometry.firstSPI
            spis[spi / GICGeometry.bankSize].acknowledge(spi % GICGeometry.bankSize)
        }
        processors[cpu].interface.activate(priority: pending.priority, group: group)
        update(cpu)
        return pending.intid
    }

    /// ICC_EOIR0_EL1 and ICC_EOIR1_EL1.
    mutating func endOfInterrupt(_ intid: Int, _ group: InterruptGroup, cpu: Int) {
        guard intid < GICGeometry.interruptCount, processors[cpu].interface.dropPriority(group) else { return }
        if !processors[cpu].interface.splitsEndOfInterrupt {
            deactivate(intid, cpu: cpu)
        }
        update(cpu)
    }

    /// Ends the active state of an interrupt; an INTID without interrupt is ignored.
    mutating func deactivate(_ intid: Int, cpu: Int) {
        switch intid {
        case 0..<GICGeometry.firstSPI:
            changePrivateInterrupts(of: cpu) { $0.deactivate(intid) }
        case GICGeometry.firstSPI..<GICGeometry.interruptCount:
            let spi = intid - GICGeometry.firstSPI
            changeSPIs(in: spi / GICGeometry.bankSize) { $0.deactivate(spi % GICGeometry.bankSize) }
        default:
            break
        }
    }

    // MARK: Saving and restoring

    /// All that is not the topology, and does not follow from the rest.
    var fields: GICFields {
        GICFields(
            affinities: topology.affinities.map(\.packed), control: control, spis: spis.map(\.fields), routers: routers,
            targets: targets,
            processors: processors.map {
                GICFields.Processor(bank: $0.bank.fields, isAsleep: $0.isAsleep, interface: $0.interface)
            }, lastChosen: lastChosen)
    }

    /// Takes over fields that were found possible for this topology.
    ///
    /// Who waits for a wake request goes on waiting, and the IRQ inputs change where they have to.
    mutating func restore(_ fields: GICFields) {
        control = fields.control
        spis = fields.spis.map { InterruptBank($0, like: .spis) }
        routers = fields.routers
        targets = fields.targets
        for (cpu, saved) in fields.processors.enumerated() {
            processors[cpu].bank = InterruptBank(saved.bank, like: .sgisAndPPIs)
            processors[cpu].isAsleep = saved.isAsleep
            processors[cpu].interface = saved.interface
        }
        lastChosen = fields.lastChosen
        // Without `reassign`: who takes the 1-of-N interrupts is among the fields.
        for cpu in processors.indices { update(cpu) }
    }
}
