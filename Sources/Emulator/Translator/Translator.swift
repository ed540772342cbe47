// The translator of one machine: host code for hot blocks, shared by its CPUs.
//
// Responsible for: the memory that code is in, deciding when there is too much of it, and linking regions to each
// other. Not responsible for what is emitted (`RegionCompiler`) nor for entering it (`EmulatedCPU+Translator`).
//
// Code lives as long as the blocks that it was made from: it is in one of two halves, which change with those of
// `CodeCache`, so that what protects blocks protects it as well. A block that is dropped gets the entry of a block
// without code; jumps that were linked to its code stay, inside its page, until the CPU next goes to the dispatcher.

#if arch(x86_64)

import Hypervisor
import Synchronization

final class Translator: @unchecked Sendable {
    private let memory: ExecutableMemory
    let stubs: TranslatorStubs
    let features: HostFeatures
    /// How often a block is interpreted before it is translated.
    let patience: Int32
    /// Whether each block begins with a look at requests and the slice, as between blocks that are interpreted.
    private let looksBetweenBlocks: Bool

    private struct State {
        var half = 0
        var used = 0
    }
    private let state = Mutex(State())
    private let halfByteCount: Int
    private let stubsByteCount = 4096
    /// Room for a few of the largest regions.
    private static let minimumByteCount = 2 << 20

    /// - Parameters:
    ///   - byteCount: the most that code may take.
    ///   - patience: how often a block is interpreted before it is translated.
    ///   - looksBetweenBlocks: whether requests and the end of a slice are noticed between any two blocks.
    ///   - hostFeatures: what code may use of the host; nil for all that it has.
    /// - Returns: nil if the host has no executable memory for us, or too old a CPU.
    init?(byteCount: Int, patience: Int32, looksBetweenBlocks: Bool, hostFeatures: HostFeatures?) {
        let byteCount = max(byteCount, Self.minimumByteCount)
        guard let memory = ExecutableMemory(byteCount: byteCount) else { return nil }
        self.memory = memory
        self.patience = patience
        self.looksBetweenBlocks = looksBetweenBlocks
        features = hostFeatures ?? HostFeatures(using: memory)
        guard features.hasSSE42 else { return nil }
        stubs = TranslatorStubs(at: memory.writable)
        halfByteCount = (byteCount - stubsByteCount) / 2 & ~0xFFF
    }

    /// The entry of blocks that have no code.
    var exit: UInt64 { UInt64(UInt(bitPattern: memory.executableAddress(of: stubs.lookUpUnlinked))) }

    /// Whether a block has code to be entered.
    @inline(__always)
    func hasCode(_ block: Block) -> Bool { block.hostCode != exit }

    /// What came of a request to translate.
    enum Outcome {
        case done
        /// Another CPU is translating: later.
        case busy
        /// There is no room: the code cache is to be flushed.
        case full
    }

    /// Translates the region of a block. `head` is valid and held by the caller.
    func translate(_ head: Block, mode: BlockMode, cache: CodeCache) -> Outcome {
        state.withLockIfAvailable { state -> Outcome in
            let page = head.physicalAddress & ~0xFFF
            let enough = patience / 4
            let region = Region(
                head: head, mode: mode, features: features, looksBetweenBlocks: looksBetweenBlocks
            ) { offset in
                guard let block = cache.find(page | offset, mode: mode), block.isValid,
                    block.patience <= patience - enough
                else { return nil }
                return block
            }
            let operations = region.blocks.reduce(0) { $0 + $1.block.operationCount }
            let needed =
                operations * RegionCompiler.bytesPerOperation + region.blocks.count * RegionCompiler.bytesPerBlock
            guard state.used + needed <= halfByteCount else { return .full }
            let start = memory.writable + stubsByteCount + state.half * halfByteCount + state.used
            var compiler = RegionCompiler(
                at: start, region: region, stubs: stubs, features: features, codeBase: cache.base)
            compiler.compile()
            state.used += (compiler.assembler.cursor - start + 15) & ~15
            // Everything is written before anybody can enter it.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            for (index, block) in region.blocks.enumerated() {
                guard let entry = compiler.entries[index], index == 0 || !hasCode(block.block) else { continue }
                block.block.hostCode = UInt64(UInt(bitPattern: memory.executableAddress(of: entry)))
                block.block.patience = 0
                atomicMemoryFence(ordering: .sequentiallyConsistent)
                // Another CPU may have dropped the block meanwhile.
                if !block.block.isValid { block.block.hostCode = exit }
            }
            return .done
        } ?? .busy
    }

    /// Makes the jump at `site`, in bytes from the start of the memory, lead to a block's code.
    func link(_ site: UInt64, to block: Block) {
        guard hasCode(block), site > 0, site < UInt64(memory.byteCount) else { return }
        let displacement = Int(block.hostCode) - Int(bitPattern: memory.executable) - Int(site) - 4
        // Safe: the site is one aligned word of a jump, written whole.
        (memory.writable + Int(site)).storeBytes(of: Int32(truncatingIfNeeded: displacement), as: Int32.self)
    }

    /// Goes on in the other half, because the code cache does: no CPU has code of that half in its hands.
    func flush() {
        state.withLock { state in
            state.half ^= 1
            state.used = 0
        }
    }

    /// Gives the other half's memory back to the host: no CPU has code of it in its hands.
    func emptyOtherHalf() {
        state.withLock { state in
            let start = stubsByteCount + (state.half ^ 1) * halfByteCount
            memory.empty(start..<start + halfByteCount)
        }
    }

    /// Bytes of code that is in use.
    var usedByteCount: Int { state.withLock { $0.used } }

    /// Asks the host to have `lines` lines of its caches from each of `addresses` on, without waiting for them. An
    /// address need not be one.
    func prefetch(_ addresses: UnsafeBufferPointer<UInt64>, lines: Int) {
        guard lines > 0, let base = addresses.baseAddress else { return }
        typealias Prefetch = @convention(c) (UnsafePointer<UInt64>, Int, Int) -> Void
        // Safe: the stub has this signature, and reads no more than the buffer.
        let prefetch = unsafeBitCast(memory.executableAddress(of: stubs.prefetch), to: Prefetch.self)
        prefetch(base, addresses.count, lines)
    }

    /// Enters the code of a block; returns a `TranslatorExit`.
    @inline(__always)
    func enter(_ block: Block, _ cpuState: CPUState) -> Int {
        typealias Enter = @convention(c) (UnsafeMutableRawPointer, UInt64) -> Int
        // Safe: the stub has this signature.
        let enter = unsafeBitCast(memory.executableAddress(of: stubs.enter), to: Enter.self)
        return enter(cpuState.base, block.hostCode)
    }
}

#endif
