import DiskImages
import Glibc
import TestSupport
import Testing

@testable import Hibernation

/// What the search of a whole disk for an image's header makes of disks that are larger than anybody could read.
@Suite("Looking everywhere on a disk")
struct HeaderScanTests {
    @Test("A table that is wrong ends the search of an image, which does not read millions of zeros up to it")
    func wrongTable() throws {
        let disk = try TestDisk([])
        #expect(unlink(disk.path) == 0)
        // An entry of its L1 table for each 512 MiB, and the last is for no cluster's beginning.
        try Qcow2Image.create(at: disk.path, byteCount: 128 << 30)
        let header = disk.read(at: 0, count: 48)
        let table = header[40..<48].reduce(0) { $0 << 8 | Int($1) }
        disk.write([0, 0, 0, 0, 0, 1, 2, 0], at: table + 255 * 8)
        try RawDisk.withDisk(at: disk.path, format: .qcow2, failure: { $0 }) { (raw: RawDisk) throws in
            let reading = try ThreadTime.seconds { _ = try raw.read(at: 0, count: 1 << 20) }
            let searching = ThreadTime.seconds {
                #expect(throws: RawDiskError.self) { try HeaderScan.headerEnds(on: raw) }
            }
            // Of 130 560 such pieces.
            #expect(searching < 100 * reading, "\(searching) s, and \(reading) s")
        }
    }
}
