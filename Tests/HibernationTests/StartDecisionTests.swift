import Testing

@testable import Hibernation

@Suite("Start decision")
struct StartDecisionTests {
    private static let environment = Environment(["cpu.count": "2", "memory.size": "1", "boot.arguments": ""])
    private static let hour: UInt64 = 3_600_000_000_000

    private static func disk(_ sample: UInt8, modified: String = "1") -> DiskFingerprint {
        DiskFingerprint(
            byteCount: 4096, file: "1:2", modified: modified, changed: "1", sample: Fingerprint(of: [sample]),
            content: nil)
    }

    private static func record(generation: UInt64 = 1, disks: [DiskFingerprint]? = [disk(0)]) -> HibernationRecord {
        HibernationRecord(
            dormouse: "0", time: hour, call: .init(function: "SYSTEM_OFF2", functionID: "0xc4000015", type: 0, core: 0),
            environment: environment, generation: generation, counter: 5_000_000_000, disks: disks)
    }

    private func decision(
        record: HibernationRecord? = record(), generation: UInt64 = 1, _ changes: [String: String] = [:],
        disks: [DiskFingerprint]? = [disk(0)], policy: StartPolicy = StartPolicy(), now: UInt64 = 2 * hour
    ) -> StartDecision {
        var environment = Self.environment
        for (path, value) in changes { environment[path] = value }
        return StartDecision(
            record: record, generation: generation, environment: environment, disks: disks, policy: policy, now: now)
    }

    @Test("Without a hibernation the guest boots")
    func noRecord() {
        #expect(decision(record: nil) == .boot)
    }

    @Test("The same environment and the same disks are resumed")
    func resumes() {
        #expect(decision() == .resume([]))
    }

    @Test("What may change is resumed, and said")
    func mayChange() {
        guard case .resume(let differences) = decision(["boot.arguments": "debug"]) else {
            Issue.record("not resumed")
            return
        }
        #expect(differences.map(\.path) == ["boot.arguments"])
    }

    @Test("Another environment follows the policy", arguments: ["cpu.count", "memory.size"])
    func environment(path: String) {
        guard case .refuseEnvironment(let differences) = decision([path: "9"]) else {
            Issue.record("not refused")
            return
        }
        #expect(differences.map(\.path) == [path])
        #expect(decision([path: "9"], policy: StartPolicy(onChange: .clean)) == .clean(.environment(differences)))
        #expect(decision([path: "9"], policy: StartPolicy(onChange: .keep)) == .keep(differences))
    }

    @Test("Another generation and a wish boot clean")
    func clean() {
        #expect(decision(generation: 2) == .clean(.bumped))
        #expect(decision(policy: StartPolicy(isFresh: true)) == .clean(.fresh))
        #expect(decision(record: nil, policy: StartPolicy(isFresh: true)) == .clean(.fresh))
    }

    @Test(
        "A disk that was written while its guest slept is never resumed over",
        arguments: [disk(1), disk(0, modified: "2")])
    func disks(today: DiskFingerprint) {
        for policy in [StartPolicy(), StartPolicy(onChange: .keep), StartPolicy(acceptsDiskChange: true)] {
            guard case .refuseDisks(let changes) = decision(disks: [today], policy: policy) else {
                Issue.record("not refused")
                return
            }
            #expect(changes.map(\.disk) == [0])
        }
        // Booting over it needs the user's word as well.
        guard case .refuseDisks = decision(generation: 2, disks: [today]) else {
            Issue.record("not refused")
            return
        }
        #expect(
            decision(disks: [today], policy: StartPolicy(isFresh: true, acceptsDiskChange: true)) == .clean(.fresh))
    }

    @Test("The same content is the same disk wherever it was copied to")
    func copies() {
        var then = Self.disk(0)
        then.content = Fingerprint(of: [7])
        var now = Self.disk(0, modified: "99")
        now.file = "8:9"
        now.content = Fingerprint(of: [7])
        #expect(decision(record: Self.record(disks: [then]), disks: [now]) == .resume([]))
        now.content = Fingerprint(of: [8])
        guard case .refuseDisks(let changes) = decision(record: Self.record(disks: [then]), disks: [now]) else {
            Issue.record("not refused")
            return
        }
        #expect(changes.map(\.evidence) == [["content"]])
    }

    @Test("A hibernation that lasted too long follows its policy")
    func expiry() {
        func policy(_ onExpiry: OnExpiry) -> StartPolicy { StartPolicy(onExpiry: onExpiry, expiresAfter: 1800) }
        #expect(decision(policy: policy(.refuse)) == .refuseExpired(slept: 3600, limit: 1800))
        #expect(decision(policy: policy(.clean)) == .clean(.expired(slept: 3600)))
        #expect(decision(policy: policy(.resume)) == .resume([]))
        #expect(decision(policy: policy(.refuse), now: Self.hour + 1_000_000_000) == .resume([]))
        // A host clock that was set back is no reason.
        #expect(decision(policy: policy(.refuse), now: 0) == .resume([]))
    }
}
