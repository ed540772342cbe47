// The filter that spares a TLBI its search.

import Testing

@testable import Emulator

@Suite("Filters of addresses")
struct AddressFilterTests {
    private func withFilter(_ body: (AddressFilter) -> Void) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: AddressFilter.byteCount, alignment: 8)
        defer { memory.deallocate() }
        let filter = AddressFilter(at: memory)
        filter.removeAll()
        body(filter)
    }

    @Test("Every address of a page that was put in is found, with and without a tag")
    func findsMembers() {
        withFilter { filter in
            let pages = (0..<600).map { UInt64(0xFFFF_8000_8000_0000) + UInt64($0) << 21 }
            for page in pages { filter.insert(page | 0x1234, sizeLog2: 21) }
            for page in pages {
                #expect(filter.mayContain(page, sizeLog2: 21))
                #expect(filter.mayContain(page | 0x1F_FFFF, sizeLog2: 21))
                #expect(filter.mayContain(page & ~(0xFF << 56), sizeLog2: 21))
            }
        }
    }

    @Test("The linear map of half a gigabyte in blocks of 2 MiB is hardly ever mistaken for a page of user space")
    func spares() {
        withFilter { filter in
            for block in 0..<256 { filter.insert(0xFFFF_0000_0000_0000 + UInt64(block) << 21, sizeLog2: 21) }
            let mistaken = (0..<1000).count { filter.mayContain(0x7F00_0000_0000 + UInt64($0) << 21, sizeLog2: 21) }
            // 256 of 4096 bits are set.
            #expect(mistaken < 150)
        }
    }

    @Test("Nothing is left of what was put in after everything was removed")
    func forgets() {
        withFilter { filter in
            filter.insert(0x1000, sizeLog2: 12)
            filter.removeAll()
            #expect(!filter.mayContain(0x1000, sizeLog2: 12))
        }
    }
}
