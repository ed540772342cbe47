// The disks after a power cut: told apart, and made.

import Devices
import Foundation

/// Tells states of disks apart: two are equal if all disks are, byte for byte.
struct PowerCutDiskStates {
    /// By position on the disk, in sectors: which content, for those that are not what they were at first.
    typealias State = [[UInt64: Int]]

    private var contents: [ArraySlice<UInt8>: Int] = [:]
    private let initial: [Data]

    /// - Parameter disks: what they were at first.
    init(initial disks: PowerCutDisks) throws {
        initial = try disks.all.map { try Data(contentsOf: $0) }
    }

    mutating func state(_ media: [[DiskWrite]]) -> State {
        media.indices.map { disk in
            var sectors: [UInt64: Int] = [:]
            for write in media[disk] {
                for sector in 0..<write.bytes.count / 512 {
                    let bytes = write.bytes[sector * 512..<(sector + 1) * 512]
                    let position = write.sector + UInt64(sector)
                    let isInitial = initial[disk][Int(position) * 512..<Int(position + 1) * 512].elementsEqual(bytes)
                    sectors[position] = isInitial ? nil : number(of: bytes)
                }
            }
            return sectors
        }
    }

    private mutating func number(of bytes: ArraySlice<UInt8>) -> Int {
        if let known = contents[bytes] { return known }
        contents[bytes] = contents.count
        return contents.count - 1
    }
}

extension PowerCutDisks {
    /// Writes what reached the media to new disks.
    func write(_ media: [[DiskWrite]]) throws {
        for (disk, writes) in zip(all, media) {
            let handle = try FileHandle(forWritingTo: disk)
            for write in writes {
                try handle.seek(toOffset: write.offset)
                try handle.write(contentsOf: Data(write.bytes))
            }
            try handle.close()
        }
    }
}
