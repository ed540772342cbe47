// A swap area with an image, as a guest leaves it.

/// Swap areas as Linux leaves them (`struct swsusp_header` of kernel/power/swap.c, little-endian, 4 KiB pages).
enum SwapArea {
    static func withImage(hardwareSignature: UInt32) -> [UInt8] {
        var page = [UInt8](repeating: 0, count: 4096)
        func put(_ bytes: [UInt8], fromEnd distance: Int) {
            page.replaceSubrange(page.count - distance..<page.count - distance + bytes.count, with: bytes)
        }
        put(withUnsafeBytes(of: hardwareSignature.littleEndian, Array.init), fromEnd: 40)
        // SF_HW_SIG.
        put([8, 0, 0, 0], fromEnd: 24)
        put(Array("SWAPSPACE2".utf8), fromEnd: 20)
        put(Array("S1SUSPEND".utf8), fromEnd: 10)
        return page
    }
}
