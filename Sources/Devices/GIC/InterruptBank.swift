// The state of 32 interrupts with consecutive INTIDs.
//
// Responsible for: the state machine of each interrupt (inactive, pending, active, active and pending), its
// configuration, and the registers that show both. Not responsible for: who it is delivered to.
//
// Follows IHI 0069, "Interrupt handling state machine" and the descriptions of GICD_IGROUPR to GICD_ICFGR; the
// GICR_*R0 registers are the same for one PE's SGIs and PPIs.

import Hypervisor

/// The group of an interrupt: with one Security state, group 0 is signalled as FIQ and group 1 as IRQ.
enum InterruptGroup: Int, Sendable {
    case group0 = 0
    case group1 = 1
}

/// 32 interrupts, one bit each.
struct InterruptBank: Sendable {
    /// 1: group 1. All are, as firmware leaves them to a guest: nothing signals group 0.
    private(set) var groups = UInt32.max
    private(set) var enabled: UInt32 = 0
    /// Pending because of an edge, an SGI or a write to ISPENDR, until acknowledged or cleared.
    private(set) var latched: UInt32 = 0
    private(set) var active: UInt32 = 0
    /// 1: edge-triggered; 0: level-sensitive.
    private(set) var edgeTriggered: UInt32
    /// The interrupts whose trigger can be configured.
    private let configurable: UInt32
    private(set) var priorities = InlineArray<32, UInt8>(repeating: 0)
    /// The input wires.
    private(set) var levels: UInt32 = 0

    private static let sgis: UInt32 = 0xFFFF

    /// A bank of SPIs after reset.
    static let spis = InterruptBank(edgeTriggered: 0)
    /// The SGIs, always edge-triggered, and the PPIs of one PE after reset.
    static let sgisAndPPIs = InterruptBank(edgeTriggered: sgis)

    private init(edgeTriggered: UInt32) {
        self.edgeTriggered = edgeTriggered
        configurable = ~edgeTriggered
    }

    /// This bank after reset; the wires have the levels that the devices at their ends give them.
    func afterReset(from initial: InterruptBank) -> InterruptBank {
        var bank = initial
        bank.levels = levels
        return bank
    }

    /// A level-sensitive interrupt is pending as long as its wire is asserted, whatever else happens to it.
    var pending: UInt32 { latched | (levels & ~edgeTriggered) }

    /// The interrupts that can be delivered if their group is enabled. An active one waits until it is deactivated.
    var candidates: UInt32 { pending & enabled & ~active }

    func group(of index: Int) -> InterruptGroup {
        groups >> UInt32(index) & 1 == 0 ? .group0 : .group1
    }

    /// The candidates of the groups that are on.
    func candidates(group0: Bool, group1: Bool) -> UInt32 {
        candidates & ((group1 ? groups : 0) | (group0 ? ~groups : 0))
    }

    // MARK: What happens to an interrupt. Each returns the interrupts that became candidates, or ceased to be.

    /// The wire of an interrupt changes: a rising edge makes an edge-triggered one pending.
    mutating func setLevel(_ level: Bool, of index: Int) -> UInt32 {
        let bit: UInt32 = 1 << UInt32(index)
        guard (levels & bit != 0) != level else { return 0 }
        let before = candidates
        levels ^= bit
        if level { latched |= bit & edgeTriggered }
        return before ^ candidates
    }

    /// A rising edge comes that leaves the level of the wire alone: a pulse, or a message. Only an edge-triggered
    /// interrupt takes it.
    mutating func sendEdge(of index: Int) -> UInt32 {
        let before = candidates
        latched |= 1 << UInt32(index) & edgeTriggered
        return before ^ candidates
    }

    /// An SGI arrives.
    mutating func latch(_ index: Int) -> UInt32 {
        let before = candidates
        latched |= 1 << UInt32(index)
        return before ^ candidates
    }

    /// A PE takes the interrupt: it becomes active, and active and pending if its wire is still asserted.
    mutating func acknowledge(_ index: Int) {
        let bit: UInt32 = 1 << UInt32(index)
        latched &= ~bit
        active |= bit
    }

    mutating func deactivate(_ index: Int) -> UInt32 {
        let before = candidates
        active &= ~(1 << UInt32(index))
        return before ^ candidates
    }

    // MARK: Registers

    func read(_ register: BankRegister) -> UInt32 {
        switch register {
        case .IGROUPR: return groups
        case .ISENABLER, .ICENABLER: return enabled
        case .ISPENDR, .ICPENDR: return pending
        case .ISACTIVER, .ICACTIVER: return active
        case .IPRIORITYR(let first):
            return (0..<4).reduce(0) { $0 | UInt32(priorities[first + $1]) << UInt32($1 * 8) }
        case .ICFGR(let first):
            // In steps: Swift 6.2 does not type-check it as one expression.
            return (0..<16).reduce(0) { (value: UInt32, index: Int) in
                let isEdge = edgeTriggered >> UInt32(first + index) & 1
                return value | isEdge << UInt32(index * 2 + 1)
            }
        }
    }

    /// Returns the interrupts that became candidates or ceased to be, and candidates whose rank changed.
    mutating func write(_ register: BankRegister, _ value: UInt32) -> UInt32 {
        let before = candidates
        var reranked: UInt32 = 0
        switch register {
        case .IGROUPR:
            reranked = groups ^ value
            groups = value
        case .ISENABLER: enabled |= value
        case .ICENABLER: enabled &= ~value
        case .ISPENDR: latched |= value
        case .ICPENDR: latched &= ~value
        case .ISACTIVER: active |= value
        case .ICACTIVER: active &= ~value
        case .IPRIORITYR(let first):
            for index in 0..<4 {
                reranked |= setPriority(UInt8(truncatingIfNeeded: value >> UInt32(index * 8)), of: first + index)
            }
        case .ICFGR(let first):
            for index in 0..<16 where configurable >> UInt32(first + index) & 1 != 0 {
                let bit: UInt32 = 1 << UInt32(first + index)
                let isEdge = value >> UInt32(index * 2 + 1) & 1 != 0
                edgeTriggered = isEdge ? edgeTriggered | bit : edgeTriggered & ~bit
            }
        }
        return (before ^ candidates) | (reranked & candidates)
    }

    /// Returns the interrupt's bit if it is a candidate.
    mutating func setPriority(_ priority: UInt8, of index: Int) -> UInt32 {
        priorities[index] = priority & GICGeometry.priorityMask
        return candidates & 1 << UInt32(index)
    }

    // MARK: Saving and restoring

    /// Everything but which triggers can be configured, which is fixed.
    struct Fields: Codable, Sendable {
        var groups: UInt32
        var enabled: UInt32
        var latched: UInt32
        var active: UInt32
        var edgeTriggered: UInt32
        var levels: UInt32
        var priorities: [UInt8]
    }

    var fields: Fields {
        Fields(
            groups: groups, enabled: enabled, latched: latched, active: active, edgeTriggered: edgeTriggered,
            levels: levels, priorities: (0..<GICGeometry.bankSize).map { priorities[$0] })
    }

    /// A bank like `initial` with fields that were found possible for it.
    init(_ fields: Fields, like initial: InterruptBank) {
        self = initial
        groups = fields.groups
        enabled = fields.enabled
        latched = fields.latched
        active = fields.active
        edgeTriggered = fields.edgeTriggered
        levels = fields.levels
        for (index, priority) in fields.priorities.prefix(GICGeometry.bankSize).enumerated() {
            priorities[index] = priority
        }
    }

    /// Throws if `fields` are not possible for a bank like this one.
    func check(_ fields: Fields) throws(DeviceStateError) {
        let isFixed = (fields.edgeTriggered ^ edgeTriggered) & ~configurable == 0
        try DeviceStateError.check(isFixed, "edgeTriggered")
        try DeviceStateError.check(fields.priorities.count == GICGeometry.bankSize, "priorities")
        let areImplemented = fields.priorities.allSatisfy { $0 & ~GICGeometry.priorityMask == 0 }
        try DeviceStateError.check(areImplemented, "priorities")
    }
}
