// The hardware signature that a guest finds in its FACS (ACPI 6.5 §5.2.10).
//
// Linux keeps it in its hibernation image, and gives the image up when it finds another one at the next start. So the
// signature is the host's lever: the same environment has the same one, and another generation has another.

/// `hardware_signature` of an environment.
public enum HardwareSignature {
    /// Never zero: a guest that hibernates under zero is never checked (`PM: hibernation`, kernel/power/swap.c).
    ///
    /// - Parameters:
    ///   - environment: what the guest can see; only what must stay for a resume counts.
    ///   - generation: counted up for every boot that is to be clean.
    public static func of(_ environment: Environment, generation: UInt64) -> UInt32 {
        let context = Array("dormouse hardware signature 1".utf8)
        let number = (0..<8).map { UInt8(truncatingIfNeeded: generation >> (8 * $0)) }
        let digest = Fingerprint(of: context + environment.resumeFingerprint.bytes + number).bytes
        let words = stride(from: 0, to: digest.count, by: 4).map { start in
            digest[start..<start + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        return words.first { $0 != 0 } ?? 1
    }
}
