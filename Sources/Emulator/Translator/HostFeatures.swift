// What the host's CPU can do: found out by asking it, never assumed.

/// Features by CPUID (Intel SDM, volume 2, CPUID).
struct HostFeatures: Sendable {
    var hasSSE42 = false
    var hasFMA = false
    var hasLZCNT = false
    /// PCLMULQDQ.
    var hasCarrylessProduct = false
    /// BMI1 and BMI2: ANDN, RORX, SHLX.
    var hasBMI = false
    /// AESENC and its like.
    var hasAES = false
    /// SHA1RNDS4, SHA256RNDS2 and their like.
    var hasSHA = false

    /// A host that has none of them.
    init() {}
}

#if arch(x86_64)

extension HostFeatures {
    /// What this host has; nil if it has no executable memory for us.
    static func ofHost() -> HostFeatures? {
        ExecutableMemory(byteCount: 4096).map { HostFeatures(using: $0) }
    }

    /// Asks the host, with a routine written to `memory`. Without SSE4.2 there is no translator.
    init(using memory: ExecutableMemory) {
        self.init()
        var assembler = Assembler(at: memory.writable)
        // (leaf in RDI, place for EAX, EBX, ECX, EDX in RSI)
        assembler.push(.rbx)
        assembler.move(.rax, .rdi)
        assembler.arithmetic(.xor, .rcx, .register(.rcx), wide: false)
        assembler.identify()
        assembler.store(.rax, .memory(.rsi), size: 4)
        assembler.store(.rbx, .memory(.rsi, 4), size: 4)
        assembler.store(.rcx, .memory(.rsi, 8), size: 4)
        assembler.store(.rdx, .memory(.rsi, 12), size: 4)
        assembler.pop(.rbx)
        assembler.returnToCaller()
        typealias Query = @convention(c) (UInt64, UnsafeMutableRawPointer) -> Void
        // Safe: the routine above has this signature and changes nothing that its caller keeps.
        let query = unsafeBitCast(memory.executable, to: Query.self)
        func ask(_ leaf: UInt64) -> SIMD4<UInt32> {
            var answer = SIMD4<UInt32>()
            withUnsafeMutableBytes(of: &answer) { bytes in
                if let base = bytes.baseAddress { query(leaf, base) }
            }
            return answer
        }
        let basic = ask(1)
        hasCarrylessProduct = basic.z >> 1 & 1 != 0
        hasSSE42 = basic.z >> 20 & 1 != 0
        hasAES = basic.z >> 25 & 1 != 0
        // FMA takes AVX state, which the operating system has to keep.
        let savesAVX = basic.z >> 27 & 1 != 0 && basic.z >> 28 & 1 != 0
        hasFMA = savesAVX && basic.z >> 12 & 1 != 0
        if ask(0).x >= 7 {
            let extended = ask(7).y
            hasBMI = extended >> 3 & 1 != 0 && extended >> 8 & 1 != 0
            hasSHA = extended >> 29 & 1 != 0
        }
        if ask(0x8000_0000).x >= 0x8000_0001 { hasLZCNT = ask(0x8000_0001).z >> 5 & 1 != 0 }
    }
}

#endif
