// The last 20 bytes of a swap area's first page, where Linux has its signatures (kernel/power/swap.c, struct
// swsusp_header): orig_sig and sig, ten bytes each. In `Disk.data`, after the page was read and before it is written.

import _Volatile

enum SwapHeader {
    static var byteCount: UInt64 { 4096 }
    private static var originalSignature: UInt { 4076 }
    private static var signature: UInt { 4086 }

    /// Makes of the page what is on the disk, and back, for a guest whose host is not to see it: as encryption would.
    static func hide() {
        var offset: UInt = 0
        while offset < UInt(byteCount) {
            let place = byte(offset)
            place.store(place.load() ^ 0x5A)
            offset += 1
        }
    }

    static var hasImage: Bool { Text(address: Disk.data + signature, count: 9).equals("S1SUSPEND") }

    static var isSwap: Bool { Text(address: Disk.data + signature, count: 10).equals("SWAPSPACE2") }

    /// As mkswap leaves it, as far as hibernation looks.
    static func makeSwap() {
        store("SWAPSPACE2", at: signature)
    }

    static func addImage() {
        store("SWAPSPACE2", at: originalSignature)
        store("S1SUSPEND", at: signature)
        byte(signature + 9).store(0)
    }

    static func removeImage() {
        store("SWAPSPACE2", at: signature)
    }

    private static func store(_ text: StaticString, at offset: UInt) {
        text.withUTF8Buffer { bytes in
            for index in 0..<bytes.count { byte(offset + UInt(index)).store(bytes[index]) }
        }
    }

    private static func byte(_ offset: UInt) -> VolatileMappedRegister<UInt8> {
        VolatileMappedRegister(unsafeBitPattern: Disk.data + offset)
    }
}
