// What a machine that has next to nothing to do gives back.
//
// A guest that has booted has executed some hundred times the code that it needs to do nothing. All of that is in the
// code cache, and what is needed lies between what is not: a guest that wakes finds each piece in another page, and where
// other guests ran meanwhile each is read from memory again. So all of it is forgotten once: what is executed from then
// on is made again in the order in which it is needed, side by side, and the rest of the memory is the host's.
//
// Responsible for: whether that is worth it. Not responsible for when a machine has nothing to do: `VirtualCPU.rest`.

import Hypervisor

extension EmulatedVM {
    /// Bytes of blocks and code that may stay. A Linux that does nothing has 1 to 2 MiB of them.
    static let restingByteCount = 4 << 20

    /// Forgets all code if there is much of it. On the thread of `sender`, which runs no guest code now.
    func rest(from sender: EmulatedCPU) {
        guard codeByteCount + hostCodeByteCount > Self.restingByteCount else { return }
        flushCode(from: sender, emptiesMemory: true)
    }

    private var hostCodeByteCount: Int {
        #if arch(x86_64)
        return translator?.usedByteCount ?? 0
        #else
        return 0
        #endif
    }
}

extension EmulatedCPU {
    public func rest() { vm.rest(from: self) }
}
