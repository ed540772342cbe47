// Which vector registers of the guest have a copy in a host register, at a point of translated code.
//
// Responsible for: which host register holds which, and which copies are newer than the state block. A block stores
// what is newer wherever it is left, and begins with none held, unless it comes behind the only one of its region that
// leads to it; slow paths store what is newer before and load it again after. So nothing outside of a straight path has
// to know of it. Not responsible for emitting anything (`RegionCompiler+VectorRegisters`).

#if arch(x86_64)

struct HeldVectors {
    /// XMM0 to XMM3 are scratch.
    private static let firstHost = 4
    private static let none: UInt8 = 0xFF
    /// v0 to v31.
    private static let guestCount: UInt8 = 32

    /// By host register, the number of the guest register that it holds.
    private var guests = SIMD16<UInt8>(repeating: HeldVectors.none)
    /// Host registers that hold something, one bit each.
    private(set) var held: UInt16 = 0
    /// Of those, the ones that are newer than the state block.
    private(set) var newer: UInt16 = 0
    /// Of those that are held, the ones whose upper half is known to be zero.
    private var zeroUpper: UInt16 = 0
    /// Which host register is given away next if all hold something.
    private var next = UInt8(HeldVectors.firstHost)

    /// The host register that holds a guest register.
    func host(of guest: UInt8) -> HostVector? {
        guard held != 0 else { return nil }
        for index in Self.firstHost..<16 where guests[index] == guest { return HostVector(rawValue: UInt8(index)) }
        return nil
    }

    func isNewer(_ host: HostVector) -> Bool { newer >> UInt16(host.rawValue) & 1 != 0 }

    /// Whether bits 127 to 64 of a guest register are known to be zero.
    func hasZeroUpperHalf(_ guest: UInt8) -> Bool {
        host(of: guest).map { zeroUpper >> UInt16($0.rawValue) & 1 != 0 } ?? false
    }

    /// The host register that a guest register is to have: its own, a free one, or one that is given away.
    mutating func choose() -> HostVector {
        for index in Self.firstHost..<16 where guests[index] == Self.none {
            return HostVector(rawValue: UInt8(index)) ?? .xmm4
        }
        let chosen = next
        next = next == 15 ? UInt8(Self.firstHost) : next + 1
        return HostVector(rawValue: chosen) ?? .xmm4
    }

    /// The guest register that a host register holds.
    func guest(in host: HostVector) -> UInt8? {
        let guest = guests[Int(host.rawValue)]
        return guest == Self.none ? nil : guest
    }

    /// `host` holds a value of `guest` that is newer than the state block.
    mutating func hold(_ guest: UInt8, in host: HostVector, zeroUpperHalf: Bool) {
        let bit = UInt16(1) << UInt16(host.rawValue)
        guests[Int(host.rawValue)] = guest
        held |= bit
        newer |= bit
        zeroUpper = zeroUpperHalf ? zeroUpper | bit : zeroUpper & ~bit
    }

    /// The state block has what `host` holds.
    mutating func noteStored(_ host: HostVector) { newer &= ~(1 << UInt16(host.rawValue)) }

    /// `host` holds nothing any more.
    mutating func drop(_ host: HostVector) {
        let bit = UInt16(1) << UInt16(host.rawValue)
        guests[Int(host.rawValue)] = Self.none
        held &= ~bit
        newer &= ~bit
    }

    /// Drops registers that no guest has.
    mutating func dropOwn() {
        for index in Self.firstHost..<16 where guests[index] >= Self.guestCount && guests[index] != Self.none {
            if let host = HostVector(rawValue: UInt8(index)) { drop(host) }
        }
    }

    /// Calls `body` with each host register of a set, and the guest register that it holds.
    func forEach(in set: UInt16, _ body: (HostVector, UInt8) -> Void) {
        var rest = set
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if let host = HostVector(rawValue: UInt8(index)) { body(host, guests[index]) }
        }
    }
}

#endif
