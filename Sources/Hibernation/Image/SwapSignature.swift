// The signature at the end of the first page of a Linux swap area.
//
// Follows Linux's include/linux/swap.h (`union swap_header`) and kernel/power/swap.c (`struct swsusp_header`): the last
// ten bytes of the page. Hibernation puts its own signature there and keeps the one that it found before it.

/// What a swap area says it is.
public enum SwapSignature: String, Sendable, CaseIterable {
    /// Swap as mkswap makes it.
    case swapSpace2 = "SWAPSPACE2"
    /// Swap of Linux before 2.2, which hibernation still knows.
    case swapSpace = "SWAP-SPACE"
    /// A hibernation image of the kernel's own (HIBERNATE_SIG).
    case suspend = "S1SUSPEND"

    /// Bytes of a signature; a shorter one is followed by zeros.
    static let byteCount = 10

    /// The signature in `bytes`; nil if there is none that is known.
    init?(bytes: some Collection<UInt8>) {
        guard let known = Self.allCases.first(where: { bytes.elementsEqual($0.bytes) }) else { return nil }
        self = known
    }

    /// The signature as it is on the disk.
    var bytes: [UInt8] {
        rawValue.utf8 + [UInt8](repeating: 0, count: Self.byteCount - rawValue.utf8.count)
    }
}
