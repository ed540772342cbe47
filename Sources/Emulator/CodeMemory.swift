// What a machine keeps of its guest's code, as large as the host lets it be.
//
// Responsible for: how much. A process whose address space is limited (RLIMIT_AS) gets a smaller code cache rather than
// none, and leaves room for threads. Not responsible for what is in it (`CodeCache`, `Translator`).

import Glibc
import Hypervisor

/// Where blocks and their host code are going to be.
struct CodeMemory {
    let cache: CodeCache
    #if arch(x86_64)
    /// nil if guest code is interpreted only.
    let translator: Translator?
    #endif

    /// How much less is tried next where there is too little.
    private static let reduction = 4
    /// Less than this makes a guest slow; then no memory is no memory.
    private static let leastByteCount = 8 << 20

    /// Takes `byteCount` bytes, or less.
    init(
        _ configuration: BackendConfiguration, engine: Engine, byteCount: Int, hostFeatures: HostFeatures?
    ) throws(GuestMemoryError) {
        var byteCount = byteCount
        while true {
            do throws(GuestMemoryError) {
                self = try CodeMemory(
                    configuration, engine, byteCount: byteCount, hostFeatures,
                    isLast: byteCount / Self.reduction < Self.leastByteCount)
                return
            } catch {
                guard byteCount / Self.reduction >= Self.leastByteCount else { throw error }
            }
            byteCount /= Self.reduction
        }
    }

    /// - Parameter isLast: no less will be tried: a translator without memory is done without.
    private init(
        _ configuration: BackendConfiguration, _ engine: Engine, byteCount: Int, _ hostFeatures: HostFeatures?,
        isLast: Bool
    ) throws(GuestMemoryError) {
        var newBlock = CodeCache.NewBlock()
        #if arch(x86_64)
        let patience = engine.patience
        func translator(_ byteCount: Int, _ patience: Int32) -> Translator? {
            Translator(
                byteCount: byteCount, patience: patience, looksBetweenBlocks: configuration.isRepeatable,
                hostFeatures: hostFeatures)
        }
        self.translator = patience.flatMap { translator(byteCount, $0) }
        if let translator = self.translator {
            newBlock = .init(hostCode: translator.exit, patience: translator.patience)
        } else if let patience, !isLast, translator(0, patience) != nil {
            // A smaller one can be had.
            throw .cannotReserveCode(errno: ENOMEM)
        }
        #endif
        cache = try CodeCache(memory: configuration.memory, byteCount: byteCount, newBlock: newBlock)
    }
}
