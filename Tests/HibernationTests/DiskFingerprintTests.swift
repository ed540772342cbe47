import Glibc
import Testing

@testable import Hibernation

@Suite("Disk fingerprint")
struct DiskFingerprintTests {
    /// A file of `byteCount` zeros for one test.
    private final class File {
        let path: String

        init(byteCount: Int) throws {
            var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
            let descriptor = mkstemp(&template)
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            try #require(descriptor >= 0 && ftruncate(descriptor, byteCount) == 0)
            close(descriptor)
        }

        deinit { unlink(path) }

        /// Writes a byte, and puts the file's times back as a careless tool might.
        func write(_ byte: UInt8, at offset: Int, keepingTimes: Bool = false) {
            var status = stat()
            stat(path, &status)
            let descriptor = open(path, O_WRONLY)
            var byte = byte
            pwrite(descriptor, &byte, 1, offset)
            if keepingTimes { futimens(descriptor, [status.st_atim, status.st_mtim]) }
            close(descriptor)
        }

        func fingerprint(isWhole: Bool = false) throws -> DiskFingerprint {
            try DiskFingerprint.of(diskAt: path, isWhole ? .full : .sampled)
        }
    }

    private func evidence(_ then: DiskFingerprint, _ now: DiskFingerprint) -> [String] {
        DiskComparison(recorded: [then], today: [now], differences: []).changes.first?.evidence ?? []
    }

    @Test("A disk that nobody touched has not changed")
    func same() throws {
        let file = try File(byteCount: 10 << 20)
        #expect(evidence(try file.fingerprint(), try file.fingerprint()) == [])
    }

    @Test("A byte in the first and in the last sector is seen in the sample", arguments: [0, (10 << 20) - 1])
    func ends(offset: Int) throws {
        let file = try File(byteCount: 10 << 20)
        let then = try file.fingerprint()
        file.write(1, at: offset, keepingTimes: true)
        #expect(evidence(then, try file.fingerprint()).contains("sample"))
    }

    @Test(
        "A byte that no sample sees is seen by the time, and if that was put back it is said that the file was touched")
    func betweenSamples() throws {
        let byteCount = 10 << 20
        let sampled = Set(DiskFingerprint.sampleOffsets(byteCount: UInt64(byteCount)))
        // Neither by the volume's sample, nor at its ends.
        let looked = sampled.union(DiskFingerprint.sampleOffsets(byteCount: UInt64(byteCount), count: 256))
        let hidden = try #require((512..<UInt64(byteCount / 4096)).map { $0 * 4096 }.first { !looked.contains($0) })
        let file = try File(byteCount: byteCount)
        let then = try file.fingerprint(isWhole: true)
        var sampledThen = then
        sampledThen.content = nil
        usleep(20_000)
        file.write(1, at: Int(hidden), keepingTimes: true)
        let comparison = DiskComparison(recorded: [sampledThen], today: [try file.fingerprint()], differences: [])
        #expect(comparison.changes == [] && comparison.notices.map(\.evidence) == [["changed"]])
        usleep(20_000)
        file.write(1, at: Int(hidden) + 1)
        #expect(evidence(sampledThen, try file.fingerprint()) == ["modified"])
        #expect(evidence(then, try file.fingerprint(isWhole: true)) == ["content"])
    }

    @Test("A disk of another size has changed, and one of no whole block is read whole")
    func sizes() throws {
        let file = try File(byteCount: 5000)
        let then = try file.fingerprint()
        #expect(DiskFingerprint.sampleOffsets(byteCount: 5000) == [0, 4096])
        truncate(file.path, 6000)
        #expect(evidence(then, try file.fingerprint()).contains("byteCount"))
    }

    @Test("Samples of the largest disk lie inside it")
    func largest() {
        let offsets = DiskFingerprint.sampleOffsets(byteCount: UInt64(Int64.max))
        #expect(offsets.count == 64)
        #expect(offsets.first == 0)
        #expect(offsets.allSatisfy { $0 < UInt64(Int64.max) })
        #expect(offsets == offsets.sorted())
    }
}
