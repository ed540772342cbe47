// LVM2: the logical volumes on one physical volume that lie there in plain pieces ("linear").
//
// Responsible for: where these are on the disk. Not responsible for: volumes of other types, or of several disks, which
// are named as not looked into. A library for it is gone (lvm2app), and what LVM's own programs need is a kernel with
// device mapper and the rights to use it; what has to be read is a label, two lists of places, and text.
//
// Follows LVM2's lib/format_text/layout.h and lib/label/label.h (label, `pv_header`, `mda_header`), and lvmraid(7) and
// the metadata's own text for segment types. All of it may be anything: sizes are bounded, and compared with the disk.

import Bytes

/// What is known of the volume group of a physical volume.
struct VolumeGroup {
    /// The volumes that are wholly on this physical volume, in plain pieces.
    var volumes: [DiskRegion] = []
    var unsearched: [UnsearchedRegion] = []

    private enum Label {
        static let sectorByteCount: UInt64 = 512
        /// The label is in one of the first sectors.
        static let sectorCount: UInt64 = 4
        static let id = Array("LABELONE".utf8)
        static let type = 24..<32
        static let lvm2 = Array("LVM2 001".utf8)
        /// Where `pv_header` begins, from the label on.
        static let headerOffset = 20
    }

    private enum Header {
        static let uuid = 0..<32
        /// Behind the UUID and the device's size: pairs of offset and size, which zeros end; first of data, then of
        /// metadata.
        static let places = 40
        static let placeByteCount = 16
    }

    private enum Metadata {
        static let magic = Array(" LVM2 x[5A%r0N*>".utf8)
        static let magicOffset = 4
        /// The first `raw_locn`: offset, size, checksum and flags of the text, in the area.
        static let location = 40
        static let headerByteCount: UInt64 = 512
        /// Longer than LVM makes any by itself.
        static let maximumByteCount: UInt64 = 16 << 20
        /// INITIAL_CRC of lib/misc/crc.h.
        static let initialSum: UInt32 = 0xF597_A6CF
    }

    /// The group whose physical volume `region` is; nil if it is none.
    ///
    /// - Parameter metadataLeft: how many bytes of metadata may still be read of the disk.
    init?(in region: DiskRegion, on disk: RawDisk, metadataLeft: inout UInt64) throws(RawDiskError) {
        guard region.volume == nil,
            let uuidAndText = try Self.metadata(in: region, on: disk, left: &metadataLeft)
        else { return nil }
        guard let (uuid, bytes) = uuidAndText.value, let text = LVMText(bytes), read(text, uuid: uuid, in: region)
        else {
            volumes = []
            unsearched = [UnsearchedRegion(kind: .lvm, region: region)]
            return
        }
    }

    /// There is a label; nil inside if nothing behind it is understood.
    private struct Labelled {
        var value: (uuid: String, text: [UInt8])?
    }

    private static func metadata(
        in region: DiskRegion, on disk: RawDisk, left: inout UInt64
    ) throws(RawDiskError) -> Labelled? {
        func bytes(at position: UInt64, count: Int) throws(RawDiskError) -> [UInt8]? {
            guard let offset = region.diskOffset(of: position, count: count) else { return nil }
            return try disk.read(at: offset, count: count)
        }
        for number in 0..<Label.sectorCount {
            let start = number * Label.sectorByteCount
            guard let sector = try bytes(at: start, count: Int(Label.sectorByteCount)), sector.starts(with: Label.id),
                Array(sector[Label.type]) == Label.lvm2
            else { continue }
            let header = Int(sector.littleEndian(at: Label.headerOffset, as: UInt32.self))
            guard header <= sector.count - Header.places else { return Labelled() }
            let uuid = String(decoding: sector[header..<header + Header.uuid.count], as: UTF8.self)
            var position = header + Header.places
            var lists: [[(offset: UInt64, size: UInt64)]] = [[], []]
            for index in lists.indices {
                while position + Header.placeByteCount <= sector.count {
                    let offset: UInt64 = sector.littleEndian(at: position)
                    let size: UInt64 = sector.littleEndian(at: position + 8)
                    position += Header.placeByteCount
                    if offset == 0 { break }
                    lists[index].append((offset, size))
                }
            }
            for area in lists[1] {
                guard area.size > Metadata.headerByteCount,
                    let head = try bytes(at: area.offset, count: Int(Metadata.headerByteCount)),
                    head[Metadata.magicOffset...].starts(with: Metadata.magic)
                else { continue }
                let offset: UInt64 = head.littleEndian(at: Metadata.location)
                let size: UInt64 = head.littleEndian(at: Metadata.location + 8)
                let sum: UInt32 = head.littleEndian(at: Metadata.location + 16)
                guard offset >= Metadata.headerByteCount, offset < area.size, size > 0,
                    size <= min(left, Metadata.maximumByteCount, area.size - Metadata.headerByteCount),
                    !area.offset.addingReportingOverflow(area.size).overflow
                else { continue }
                left -= size
                // The text goes on behind the area's header when it comes to the area's end.
                let first = min(size, area.size - offset)
                guard var text = try bytes(at: area.offset + offset, count: Int(first)),
                    let rest = try bytes(at: area.offset + Metadata.headerByteCount, count: Int(size - first))
                else { continue }
                text += rest
                if CRC32.update(Metadata.initialSum, text.span) == sum { return Labelled(value: (uuid, text)) }
            }
            return Labelled()
        }
        return nil
    }

    /// Reads the group; false if it does not say what it has to.
    private mutating func read(_ text: LVMText, uuid: String, in region: DiskRegion) -> Bool {
        guard let (groupName, group) = text.section?.first(where: { $0.value.section != nil }),
            let extentSectors = group["extent_size"]?.number,
            let own = group["physical_volumes"]?.section?.first(where: {
                $0.value["id"]?.text?.filter { $0 != "-" } == uuid
            }),
            let firstSector = own.value["pe_start"]?.number
        else { return false }
        // A group without volumes has no such section.
        for (name, volume) in (group["logical_volumes"]?.section ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard volume["status"]?.list?.contains(.text("VISIBLE")) == true else { continue }
            let layout = Layout(own: own.key, extentSectors: extentSectors, firstSector: firstSector, region: region)
            switch layout.pieces(of: volume) {
            case .elsewhere: break
            case .other(let type):
                unsearched.append(
                    UnsearchedRegion(kind: .volume(name: "\(groupName)/\(name)", type: type), region: region))
            case .linear(let pieces):
                guard let linear = DiskRegion(volume: "\(groupName)/\(name)", in: region, pieces: pieces) else {
                    return false
                }
                volumes.append(linear)
            case .impossible: return false
            }
        }
        return true
    }

    /// From extents to places on the disk.
    private struct Layout {
        enum Result {
            case linear([DiskRegion.Piece])
            /// On other physical volumes only.
            case elsewhere
            /// Not followed, for its type.
            case other(String)
            case impossible
        }

        /// What the group calls this physical volume.
        var own: String
        var extentSectors: UInt64
        var firstSector: UInt64
        var region: DiskRegion

        private static let maximumSegments: UInt64 = 4096

        func pieces(of volume: LVMText) -> Result {
            guard let count = volume["segment_count"]?.number, (1...Self.maximumSegments).contains(count) else {
                return .impossible
            }
            var pieces: [DiskRegion.Piece] = []
            var isElsewhere = false
            for index in 1...count {
                guard let segment = volume["segment\(index)"], let type = segment["type"]?.text else {
                    return .impossible
                }
                guard type == "linear" || (type == "striped" && segment["stripe_count"]?.number == 1) else {
                    return .other(type)
                }
                guard let stripe = segment["stripes"]?.list, stripe.count == 2, let name = stripe[0].text else {
                    return .impossible
                }
                guard name == own else {
                    isElsewhere = true
                    continue
                }
                guard let piece = piece(of: segment, at: stripe[1].number),
                    index == 1 || isElsewhere || piece.position == pieces.last.map({ $0.position + $0.byteCount })
                else { return .impossible }
                pieces.append(piece)
            }
            if isElsewhere { return pieces.isEmpty ? .elsewhere : .other("linear, but spread over several disks,") }
            return pieces.first?.position == 0 ? .linear(pieces) : .impossible
        }

        private func piece(of segment: LVMText, at extent: UInt64?) -> DiskRegion.Piece? {
            guard let extent, let start = segment["start_extent"]?.number, let count = segment["extent_count"]?.number,
                let first = bytes(extent, from: firstSector), let position = bytes(start, from: 0),
                let byteCount = bytes(count, from: 0), byteCount > 0, byteCount <= UInt64(Int.max),
                let offset = region.diskOffset(of: first, count: Int(byteCount)),
                !position.addingReportingOverflow(byteCount).overflow
            else { return nil }
            return DiskRegion.Piece(position: position, offset: offset, byteCount: byteCount)
        }

        /// `extents` in bytes, counted from a sector on.
        private func bytes(_ extents: UInt64, from sector: UInt64) -> UInt64? {
            let (sectors, isTooLarge) = extents.multipliedReportingOverflow(by: extentSectors)
            let (place, overflow) = sectors.addingReportingOverflow(sector)
            let (bytes, bytesOverflow) = place.multipliedReportingOverflow(by: Label.sectorByteCount)
            return isTooLarge || overflow || bytesOverflow ? nil : bytes
        }
    }
}
