// What may be wrong with an image.

import Bytes

/// A check that an image did not pass. A torn image is one that does not pass all.
public enum ImageDamage: Error, Sendable, Equatable, CustomStringConvertible {
    case noMap
    case mapOutside(page: UInt64)
    case mapRepeats(page: UInt64)
    case mapGoesOn(index: Int)
    case pageOutside(index: Int, page: UInt64)
    case pageRepeats(page: UInt64)
    case pageMissing(page: UInt64)
    case scattered
    case noPages
    case information
    case pageCount(expected: UInt64, found: UInt64)
    case blockLength(block: Int, byteCount: UInt64)
    case block(Int, reason: String)
    case checksum(expected: UInt32, found: UInt32)

    /// A name of the check for programs.
    public var check: String {
        switch self {
        case .noMap, .mapOutside, .mapRepeats, .mapGoesOn, .pageOutside, .pageRepeats, .pageMissing, .scattered,
            .noPages:
            "map"
        case .information: "information"
        case .pageCount: "page-count"
        case .blockLength, .block: "compressed-data"
        case .checksum: "checksum"
        }
    }

    /// Follows "the image is torn: ".
    public var description: String {
        switch self {
        case .noMap: "its header does not say where its page map is"
        case .mapOutside(let page): "its page map goes on in page \(page), which is not in the swap area"
        case .mapRepeats(let page): "its page map comes back to page \(page)"
        case .mapGoesOn(let index): "its page map goes on after its end, behind \(index) pages"
        case .pageOutside(let index, let page): "page \(index) of it is in page \(page), which is not in the swap area"
        case .pageRepeats(let page): "page \(page) of the swap area is in it twice"
        case .pageMissing(let page): "page \(page) of the swap area is behind the end of the disk"
        case .scattered: "its pages are strewn over more of the disk than can be checked"
        case .noPages: "its page map is empty"
        case .information: "its first page does not say how large it is, or contradicts itself"
        case .pageCount(let expected, let found): "it should have \(expected) pages and has \(found)"
        case .blockLength(let block, let byteCount): "compressed block \(block) says that it has \(byteCount) bytes"
        case .block(let block, let reason): "compressed block \(block) is damaged: \(reason)"
        case .checksum(let expected, let found):
            "its checksum should be \(hexadecimal(expected)) and is \(hexadecimal(found))"
        }
    }
}

/// Why checking an image came to an end: it is damaged, or the disk cannot be read.
enum ImageCheckFailure: Error {
    case damage(ImageDamage)
    case disk(RawDiskError)

    /// Does what may fail for the disk's sake alone.
    static func mapping<Result>(_ body: () throws(RawDiskError) -> Result) throws(ImageCheckFailure) -> Result {
        do throws(RawDiskError) {
            return try body()
        } catch {
            throw .disk(error)
        }
    }
}

extension RawDisk {
    /// The same as `read`, for checks.
    func checked(at offset: UInt64, count: Int) throws(ImageCheckFailure) -> [UInt8]? {
        try ImageCheckFailure.mapping { () throws(RawDiskError) in try read(at: offset, count: count) }
    }
}
