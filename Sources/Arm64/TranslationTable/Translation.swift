// What a translation table walk yields: where an address leads and what may be done there, or why it leads nowhere.
//
// Responsible for: the values only; `TranslationRegime` computes them. Follows DDI 0487, chapter D8.

/// The kind of memory that an entry of MAIR_EL1 describes (DDI 0487, MAIR_EL1).
public enum MemoryType: UInt8, Sendable {
    case deviceNGnRnE = 0
    case deviceNGnRE
    case deviceNGRE
    case deviceGRE
    case normalNonCacheable
    case normalCacheable

    /// Decodes an attribute byte of MAIR_EL1. Encodings that are UNPREDICTABLE count as the nearest defined one.
    @inlinable
    public init(attributes: UInt8) {
        if attributes & 0xF0 == 0 {
            self =
                switch attributes >> 2 & 3 {
                case 0: .deviceNGnRnE
                case 1: .deviceNGnRE
                case 2: .deviceNGRE
                default: .deviceGRE
                }
        } else {
            self = attributes == Self.nonCacheableAttributes ? .normalNonCacheable : .normalCacheable
        }
    }

    /// The attribute byte of Normal memory that is Non-cacheable both inside and outside.
    @inlinable public static var nonCacheableAttributes: UInt8 { 0x44 }

    /// Whether accesses have side effects: an unaligned one faults.
    @inlinable
    public var isDevice: Bool { rawValue <= Self.deviceGRE.rawValue }
}

/// What a translation permits, to both exception levels at once, with PSTATE.PAN not yet considered.
public struct TranslationPermissions: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    @inlinable public static var unprivilegedRead: Self { Self(rawValue: 1 << 0) }
    @inlinable public static var unprivilegedWrite: Self { Self(rawValue: 1 << 1) }
    @inlinable public static var unprivilegedExecute: Self { Self(rawValue: 1 << 2) }
    @inlinable public static var privilegedRead: Self { Self(rawValue: 1 << 3) }
    @inlinable public static var privilegedWrite: Self { Self(rawValue: 1 << 4) }
    @inlinable public static var privilegedExecute: Self { Self(rawValue: 1 << 5) }
    @inlinable public static var all: Self { Self(rawValue: 0x3F) }

    /// Whether `access` is permitted. `pan` is PSTATE.PAN: privileged data accesses fail where EL0 may read.
    @inlinable
    public func allows(_ access: TranslationAccess, pan: Bool) -> Bool {
        let needed = access.isPrivileged ? access.kind.rawValue << 3 : access.kind.rawValue
        guard rawValue & needed != 0 else { return false }
        return !(pan && access.isPrivileged && access.kind != .execute && contains(.unprivilegedRead))
    }
}

/// The access that a translation is for.
public struct TranslationAccess: Hashable, Sendable {
    /// What is done; raw values are those of the unprivileged permissions.
    public enum Kind: UInt8, Sendable {
        case read = 1
        case write = 2
        case execute = 4
    }

    public var kind: Kind
    /// At EL1, and not by an unprivileged load or store (LDTR, STTR), nor by AT S1E0R or AT S1E0W.
    public var isPrivileged: Bool
    /// Whether a permitted write marks the page dirty: not for AT and cache maintenance.
    public var setsDirtyState: Bool

    @inlinable
    public init(_ kind: Kind, privileged: Bool, setsDirtyState: Bool = true) {
        self.kind = kind
        isPrivileged = privileged
        self.setsDirtyState = setsDirtyState
    }
}

/// Where an address leads.
public struct Translation: Hashable, Sendable {
    /// The physical address of the byte asked for.
    public var physicalAddress: UInt64
    /// Log2 of the bytes that the page or block covers; 12 with the MMU off.
    public var sizeShift: UInt8
    /// Log2 of the bytes that share the contiguous hint, or `sizeShift` without it. A hint: the neighbours' own
    /// descriptors still decide for them.
    public var contiguousShift: UInt8
    /// Lookup level of the last descriptor, 0 to 3; 0 with the MMU off.
    public var level: UInt8
    /// nG is clear: the translation holds for every ASID.
    public var isGlobal: Bool
    /// What may be done, with a writable-clean page counted as writable.
    public var permissions: TranslationPermissions
    /// The page is writable-clean: before the first write to it, a walk for writing must mark it dirty.
    public var isClean: Bool
    /// SH[1:0] of the descriptor.
    public var shareability: UInt8
    /// The byte of MAIR_EL1.
    public var attributes: UInt8

    @inlinable
    public init(
        physicalAddress: UInt64, sizeShift: UInt8, contiguousShift: UInt8, level: UInt8, isGlobal: Bool,
        permissions: TranslationPermissions, isClean: Bool, shareability: UInt8, attributes: UInt8
    ) {
        self.physicalAddress = physicalAddress
        self.sizeShift = sizeShift
        self.contiguousShift = contiguousShift
        self.level = level
        self.isGlobal = isGlobal
        self.permissions = permissions
        self.isClean = isClean
        self.shareability = shareability
        self.attributes = attributes
    }

    /// What `attributes` mean.
    @inlinable
    public var memoryType: MemoryType { MemoryType(attributes: attributes) }
}

/// Why an address leads nowhere.
public struct TranslationFault: Error, Hashable, Sendable {
    public enum Kind: Sendable {
        case addressSize
        case translation
        case accessFlag
        case permission
        case externalAbortOnWalk
    }

    public var kind: Kind
    /// Lookup level, 0 to 3.
    public var level: UInt8

    @inlinable
    public init(_ kind: Kind, level: UInt8) {
        self.kind = kind
        self.level = level
    }

    /// The code for a syndrome, or for PAR_EL1.
    @inlinable
    public var status: FaultStatus {
        switch kind {
        case .addressSize: .addressSize(level: level)
        case .translation: .translation(level: level)
        case .accessFlag: .accessFlag(level: level)
        case .permission: .permission(level: level)
        case .externalAbortOnWalk: .externalAbortOnWalk(level: level)
        }
    }
}
