import Foundation
import HostSupport
import Synchronization
import Testing

@testable import Hibernation

@Suite("Taking an image away, and putting it back")
struct DiscardTests {
    private func disk(_ image: SyntheticImage = SyntheticImage(hwSig: 7)) throws -> TestDisk {
        let disk = try TestDisk(byteCount: 128 * image.pageSize, swapPageSize: image.pageSize)
        image.write(to: disk)
        return disk
    }

    @Test("Discarding puts the original signature back and changes nothing else", arguments: [4096, 16384, 65536])
    func discard(pageSize: Int) throws {
        let disk = try disk(SyntheticImage(pageSize: pageSize, hwSig: 7))
        let before = disk.bytes
        let saved = try #require(try HibernationImage.discard(onDiskAt: disk.path))
        #expect(saved.page == Array(before[..<pageSize]))
        #expect(saved.diskOffset == 0 && saved.pageSize == pageSize)
        // What swsusp_check writes before it looks at the hardware signature.
        var expected = before
        expected.replaceSubrange(pageSize - 10..<pageSize, with: Array("SWAPSPACE2".utf8))
        #expect(disk.bytes == expected)
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
        #expect(try HibernationImage.discard(onDiskAt: disk.path) == nil)

        try HibernationImage.restore(saved, onDiskAt: disk.path)
        #expect(disk.bytes == before)
        // Once more changes nothing.
        try HibernationImage.restore(saved, onDiskAt: disk.path)
        #expect(disk.bytes == before)
    }

    @Test("An image in a partition, or in a swap file, comes back, too")
    func elsewhere() throws {
        let disk = try TestDisk(byteCount: 4 << 20)
        try disk.divide("label: gpt\nstart=2048, size=4096, type=S\n")
        try disk.makeSwap(at: (1 << 20) + 20 * 4096, byteCount: 1 << 20, pageSize: 4096)
        SyntheticImage(resumeOffset: 20, firstPage: 200).write(to: disk, at: 1 << 20)
        let before = disk.bytes
        #expect(try HibernationImage.discard(onDiskAt: disk.path) == nil)
        let selection = SwapSelection(partition: 1, resumeOffset: 20)
        let saved = try #require(try HibernationImage.discard(onDiskAt: disk.path, selection))
        #expect(saved.selection == selection)
        #expect(try HibernationImage.find(onDiskAt: disk.path, selection) == nil)
        try HibernationImage.restore(saved, onDiskAt: disk.path)
        #expect(disk.bytes == before)
    }

    @Test("What discarding will return can be had before")
    func savedFirst() throws {
        let disk = try disk()
        let before = disk.bytes
        let saved = try HibernationImage.savedHeader(onDiskAt: disk.path)
        #expect(disk.bytes == before)
        #expect(try HibernationImage.discard(onDiskAt: disk.path) == saved)
    }

    @Test("Looking at a header takes no lock: a machine that takes the disk meanwhile is not refused")
    func looking() throws {
        let disk = try disk()
        let path = disk.path
        let isDone = Atomic(false)
        let looks = Atomic(0)
        let looker = Thread {
            while !isDone.load(ordering: .acquiring) {
                _ = try? HibernationImage.savedHeader(onDiskAt: path)
                looks.add(1, ordering: .relaxed)
            }
        }
        looker.start()
        defer {
            isDone.store(true, ordering: .releasing)
            while !looker.isFinished { sched_yield() }
        }
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        while looks.load(ordering: .relaxed) < 2000 {
            try DiskLock.lock(descriptor, exclusively: true)
            DiskLock.unlock(descriptor)
        }
        // Who has it is seen all the same.
        try DiskLock.lock(descriptor, exclusively: true)
        #expect(throws: ImageHeaderError.disk(.inUse(path: path))) {
            try HibernationImage.savedHeader(onDiskAt: path)
        }
    }

    @Test("A header page that was written since stays as it is")
    func changed() throws {
        for offset in [0, 1030, 4060, 4075, 4076] {
            let disk = try disk()
            let saved = try #require(try HibernationImage.discard(onDiskAt: disk.path))
            disk.write([disk.read(at: offset, count: 1)[0] ^ 1], at: offset)
            let before = disk.bytes
            #expect(throws: ImageHeaderError.changed(path: disk.path)) {
                try HibernationImage.restore(saved, onDiskAt: disk.path)
            }
            #expect(disk.bytes == before)
        }
        let disk = try disk()
        let saved = try #require(try HibernationImage.discard(onDiskAt: disk.path))
        disk.truncate(to: 1024)
        #expect(throws: ImageHeaderError.changed(path: disk.path)) {
            try HibernationImage.restore(saved, onDiskAt: disk.path)
        }
    }

    @Test("An image that swapping has overwritten is not put back")
    func torn() throws {
        let disk = try disk()
        let saved = try #require(try HibernationImage.discard(onDiskAt: disk.path))
        disk.write([UInt8](repeating: 0x5A, count: 4096), at: 9 * 4096)
        let before = disk.bytes
        let error = #expect(throws: ImageHeaderError.self) {
            try HibernationImage.restore(saved, onDiskAt: disk.path)
        }
        guard case .torn(disk.path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(disk.bytes == before)
    }

    @Test("An image that does not say what was there before is left alone")
    func unknownOriginal() throws {
        for signature in ["S1SUSPEND\0", "XXXXXXXXXX"] {
            let disk = try disk()
            disk.write(Array(signature.utf8), at: 4076)
            let before = disk.bytes
            #expect(throws: ImageHeaderError.originalSignature(path: disk.path)) {
                try HibernationImage.discard(onDiskAt: disk.path)
            }
            #expect(disk.bytes == before)
        }
    }

    @Test("A saved header survives JSON, and a damaged one is refused")
    func json() throws {
        let disk = try disk()
        let saved = try #require(try HibernationImage.discard(onDiskAt: disk.path))
        let data = try JSONEncoder().encode(saved)
        #expect(try JSONDecoder().decode(SavedImageHeader.self, from: data) == saved)

        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["diskOffset"] as? String == "0x0")
        #expect((object["page"] as? String)?.count == 2 * 4096)
        let page = try #require(object["page"] as? String)
        let changes: [(String, Any)] = [
            ("schemaVersion", 2), ("diskOffset", "0"), ("diskOffset", "0x7fffffffffffffff"), ("pageSize", 16384),
            ("page", "f" + page.dropFirst()), ("page", "x" + page.dropFirst()), ("page", ""),
            ("sha256", String(repeating: "0", count: 64)),
        ]
        for (key, value) in changes {
            var damaged = object
            damaged[key] = value
            let data = try JSONSerialization.data(withJSONObject: damaged)
            #expect(throws: DecodingError.self, "\(key)") {
                try JSONDecoder().decode(SavedImageHeader.self, from: data)
            }
        }
    }
}
