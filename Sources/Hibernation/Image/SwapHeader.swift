// The first page of a swap area, as mkswap and hibernation write it.
//
// Follows Linux's include/linux/swap.h (`union swap_header`) and kernel/power/swap.c (`struct swsusp_header`).
// Hibernation's fields are at the end of the page, whose size is the guest's; mkswap's begin behind 1024 bytes that are
// left to boot loaders.

/// Where the fields of a swap area's first page are.
enum SwapHeader {
    /// The page sizes of arm64 Linux.
    static let pageSizes = [4096, 16384, 65536]

    /// The fields of `struct swsusp_header` after its padding, by their offsets from the first of them.
    enum Fields {
        static let hardwareSignature = 0
        static let checksum = 4
        static let firstSector = 8
        static let flags = 16
        static let originalSignature = 20..<30
        static let signature = 30..<40
        /// They are the page's last bytes.
        static let byteCount = signature.upperBound
    }

    /// `info.version` of `union swap_header`, and its only value.
    static let version = 1024
    static let currentVersion: UInt32 = 1
    /// `info.last_page` of `union swap_header`: the number of the area's last page.
    static let lastPage = 1028
}
