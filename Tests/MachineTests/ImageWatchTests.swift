import Testing

@testable import Machine

@Suite("Where headers of images were written")
struct ImageWatchTests {
    @Test("A place is news once, and each disk has its own")
    func once() {
        let watch = ImageWatch(diskCount: 2)
        #expect(watch.note(disk: 0, headerEnd: 4096))
        #expect(!watch.note(disk: 0, headerEnd: 4096))
        #expect(watch.note(disk: 1, headerEnd: 4096))
        #expect(watch.note(disk: 0, headerEnd: 8192))
        #expect(watch.headerEnds(ofDisk: 0) == [4096, 8192] && watch.headerEnds(ofDisk: 1) == [4096])
    }

    @Test("A guest that writes headers everywhere makes us keep a few of them, and finds no way to more")
    func bound() {
        let watch = ImageWatch(diskCount: 2)
        let news = (1...1000).filter { watch.note(disk: 0, headerEnd: UInt64($0) * 4096) }
        #expect(news.count >= 1 && news.count <= 16)
        #expect(watch.headerEnds(ofDisk: 0).count == news.count)
        #expect(watch.note(disk: 1, headerEnd: 4096))
    }
}
