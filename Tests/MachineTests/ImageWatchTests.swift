import Testing

@testable import Machine

@Suite("Where headers of images were written")
struct ImageWatchTests {
    @Test("A place is news until it is the newest, and each disk has its own")
    func once() {
        let watch = ImageWatch(diskCount: 2)
        #expect(watch.note(disk: 0, headerEnd: 4096))
        #expect(!watch.note(disk: 0, headerEnd: 4096))
        #expect(watch.note(disk: 1, headerEnd: 4096))
        #expect(watch.note(disk: 0, headerEnd: 8192))
        #expect(watch.headerEnds(ofDisk: 0) == [4096, 8192] && watch.headerEnds(ofDisk: 1) == [4096])
    }

    @Test("A guest that writes headers everywhere makes us keep the last few of them, among them that of its image")
    func bound() {
        let watch = ImageWatch(diskCount: 2)
        for number in 1...1000 { #expect(watch.note(disk: 0, headerEnd: UInt64(number) * 4096)) }
        #expect(watch.headerEnds(ofDisk: 0) == (985...1000).map { UInt64($0) * 4096 })
        // One that is written again is the last one, which is news: whoever keeps them keeps the last ones, too.
        #expect(watch.note(disk: 0, headerEnd: 985 * 4096))
        #expect(!watch.note(disk: 0, headerEnd: 985 * 4096))
        #expect(watch.note(disk: 0, headerEnd: 4096))
        #expect(watch.headerEnds(ofDisk: 0).suffix(2) == [985 * 4096, 4096])
        #expect(watch.headerEnds(ofDisk: 0).count == 16)
        #expect(watch.note(disk: 1, headerEnd: 4096))
    }
}
