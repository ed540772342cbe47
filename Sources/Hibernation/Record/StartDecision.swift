// What the next start of a machine is to be: a resume, a clean boot on purpose, or nothing.
//
// A pure function of what was recorded, what is there today and what the user wants. Not responsible for doing it.

/// What to do when a guest would find another environment than the one that it hibernated in.
public enum OnChange: String, Codable, Sendable, CaseIterable {
    /// Start nothing and say what differs.
    case refuse
    /// Boot clean, in the new environment.
    case clean
    /// Give the guest the recorded environment once more.
    case keep
}

/// What to do with a guest that slept for longer than its policy allows.
public enum OnExpiry: String, Codable, Sendable, CaseIterable {
    case refuse
    case clean
    case resume
}

/// What the user wants of this start.
public struct StartPolicy: Hashable, Sendable {
    public var onChange: OnChange
    public var onExpiry: OnExpiry
    /// Seconds that a hibernation may last; nil for ever.
    public var expiresAfter: UInt64?
    /// Boot clean whatever was recorded.
    public var isFresh: Bool
    /// A disk that was written meanwhile does not keep a clean boot from being done.
    public var acceptsDiskChange: Bool
    /// Resume only if all of every disk's content was compared.
    public var verifiesDisks: Bool

    public init(
        onChange: OnChange = .refuse, onExpiry: OnExpiry = .refuse, expiresAfter: UInt64? = nil, isFresh: Bool = false,
        acceptsDiskChange: Bool = false, verifiesDisks: Bool = false
    ) {
        self.onChange = onChange
        self.onExpiry = onExpiry
        self.expiresAfter = expiresAfter
        self.isFresh = isFresh
        self.acceptsDiskChange = acceptsDiskChange
        self.verifiesDisks = verifiesDisks
    }
}

/// Why a guest that might resume is booted clean.
public enum CleanReason: Hashable, Sendable {
    /// The user said so, for this start.
    case fresh
    /// The user said so before, by another generation.
    case bumped
    case environment([EnvironmentDifference])
    case expired(slept: UInt64)
    /// A boot before this one was clean, and the image that it left on the disk is too old for what became of the
    /// disks.
    case givenUp
}

/// What the next start is.
public enum StartDecision: Hashable, Sendable {
    /// Nothing is known of a hibernation: the guest boots.
    case boot
    /// The guest finds what it left. What differs does not matter to it.
    case resume([EnvironmentDifference])
    /// The guest finds what it left, though the configuration has changed: that will count after its next full boot.
    case keep([EnvironmentDifference])
    /// The guest boots clean, in another generation.
    case clean(CleanReason)
    /// Nothing is started: the environment changed.
    case refuseEnvironment([EnvironmentDifference])
    /// Nothing is started: disks were changed while the guest slept.
    case refuseDisks([DiskChange])
    /// Nothing is started: the guest slept for so many seconds, which is too long.
    case refuseExpired(slept: UInt64, limit: UInt64)

    /// - Parameters:
    ///   - record: the hibernation; nil if there is none.
    ///   - generation: the machine's today.
    ///   - environment: today's.
    ///   - disks: as they are today, in the order of their slots; nil if nobody could look.
    ///   - policy: what the user wants.
    ///   - now: nanoseconds since 1970-01-01 UTC.
    public init(
        record: HibernationRecord?, generation: UInt64, environment: Environment, disks: [DiskFingerprint]?,
        policy: StartPolicy, now: UInt64
    ) {
        guard let record else {
            self = policy.isFresh ? .clean(.fresh) : .boot
            return
        }
        let differences = environment.differences(from: record.environment)
        let graveDifferences = differences.filter { $0.consequence != .mayChange }
        let slept = now > record.timeNanoseconds ? (now - record.timeNanoseconds) / 1_000_000_000 : 0
        let isExpired = policy.expiresAfter.map { slept > $0 } ?? false

        if policy.isFresh {
            self = .clean(.fresh)
        } else if generation != record.generation {
            self = .clean(.bumped)
        } else if isExpired, let limit = policy.expiresAfter, policy.onExpiry == .refuse {
            self = .refuseExpired(slept: slept, limit: limit)
        } else if isExpired, policy.onExpiry == .clean {
            self = .clean(.expired(slept: slept))
        } else if graveDifferences.isEmpty {
            self = .resume(differences)
        } else {
            switch policy.onChange {
            case .refuse: self = .refuseEnvironment(graveDifferences)
            case .clean: self = .clean(.environment(graveDifferences))
            case .keep: self = .keep(graveDifferences)
            }
        }
        // A disk that was written meanwhile is never resumed over, and not booted over either unless the user knows.
        // What cannot be verified is no reason against a clean boot.
        let isVerifying =
            switch self {
            case .resume, .keep: policy.verifiesDisks
            default: false
            }
        let changes =
            DiskComparison(
                recorded: record.disks, today: disks, differences: differences, isVerifying: isVerifying
            ).changes
        guard !changes.isEmpty else { return }
        switch self {
        case .clean where policy.acceptsDiskChange: break
        case .refuseEnvironment, .refuseExpired: break
        default: self = .refuseDisks(changes)
        }
    }
}
