// The first page of a swap area with an image, kept so that taking the image away can be undone.
//
// The page is all that is changed on the disk: what has it kept can put it back, as long as nothing else was written.

import Bytes

/// A header page as it was, and where.
public struct SavedImageHeader: Sendable, Hashable {
    /// Where the page is on the disk, in bytes.
    public let diskOffset: UInt64
    public let pageSize: Int
    /// The page's bytes.
    public let page: [UInt8]
    /// SHA-256 of the page, in hexadecimal.
    public var sha256: String { "\(Fingerprint(of: page))" }
    /// Where to find the image again.
    public let selection: SwapSelection

    /// The shape of what it is encoded to.
    public static let currentSchemaVersion = 1

    /// The header of `image`; nil if it does not say what the signature was before.
    init?(_ image: HibernationImage, page: [UInt8]) {
        self.init(
            diskOffset: image.swapAreaOffset, page: page,
            selection: SwapSelection(partition: image.partition, resumeOffset: image.area.resumeOffset))
    }

    /// A page that can be one: an image's, whose original signature is known.
    private init?(diskOffset: UInt64, page: [UInt8], selection: SwapSelection) {
        guard SwapHeader.pageSizes.contains(page.count) else { return nil }
        self.diskOffset = diskOffset
        pageSize = page.count
        self.page = page
        self.selection = selection
        guard signature(SwapHeader.Fields.signature) == .suspend else { return nil }
        let original = signature(SwapHeader.Fields.originalSignature)
        guard original == .swapSpace2 || original == .swapSpace else { return nil }
    }

    private func signature(_ range: Range<Int>) -> SwapSignature? {
        SwapSignature(bytes: fields[fields.startIndex + range.lowerBound..<fields.startIndex + range.upperBound])
    }

    private var fields: ArraySlice<UInt8> { page.suffix(SwapHeader.Fields.byteCount) }

    /// What has to be written to take the image away, and where in the page: the original signature over the image's.
    var originalSignature: [UInt8] {
        Array(fields.dropFirst(SwapHeader.Fields.originalSignature.lowerBound).prefix(SwapSignature.byteCount))
    }
    /// What has to be written to put it back.
    var imageSignature: [UInt8] { Array(page.suffix(SwapSignature.byteCount)) }
    /// Where that is on the disk.
    var signatureOffset: UInt64 { diskOffset + UInt64(pageSize - SwapSignature.byteCount) }

    /// The page without image, as this program leaves it, and as a kernel does that takes the image or refuses it.
    var pageWithoutImage: [UInt8] { page.dropLast(SwapSignature.byteCount) + originalSignature }
}

extension SavedImageHeader: Codable {
    private enum CodingKeys: String, CodingKey {
        case schemaVersion, diskOffset, pageSize, page, sha256, partition, resumeOffset
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(Self.currentSchemaVersion, forKey: .schemaVersion)
        // In hexadecimal: not every reader of JSON keeps 64 bits.
        try container.encode(hexadecimal(diskOffset), forKey: .diskOffset)
        try container.encode(pageSize, forKey: .pageSize)
        try container.encode(Hexadecimal.text(of: page), forKey: .page)
        try container.encode(sha256, forKey: .sha256)
        try container.encodeIfPresent(selection.partition, forKey: .partition)
        try container.encode(hexadecimal(selection.resumeOffset), forKey: .resumeOffset)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func corrupted(_ key: CodingKeys, _ text: String) -> DecodingError {
            DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: text)
        }
        func number(_ key: CodingKeys) throws -> UInt64 {
            let text = try container.decode(String.self, forKey: key)
            guard text.hasPrefix("0x"), let number = UInt64(text.dropFirst(2), radix: 16) else {
                throw corrupted(key, "\(text) is no number in hexadecimal")
            }
            return number
        }
        guard try container.decode(Int.self, forKey: .schemaVersion) == Self.currentSchemaVersion else {
            throw corrupted(.schemaVersion, "written by another version of Dormouse")
        }
        guard let page = Hexadecimal.bytes(of: try container.decode(String.self, forKey: .page)),
            page.count == (try container.decode(Int.self, forKey: .pageSize))
        else { throw corrupted(.page, "no page of that size") }
        let diskOffset = try number(.diskOffset)
        guard diskOffset <= UInt64(Int64.max) - UInt64(page.count) else {
            throw corrupted(.diskOffset, "no place on a disk")
        }
        guard "\(Fingerprint(of: page))" == (try container.decode(String.self, forKey: .sha256)) else {
            throw corrupted(.sha256, "the page is damaged")
        }
        let selection = SwapSelection(
            partition: try container.decodeIfPresent(Int.self, forKey: .partition),
            resumeOffset: try number(.resumeOffset))
        guard let header = SavedImageHeader(diskOffset: diskOffset, page: page, selection: selection) else {
            throw corrupted(.page, "no header of a hibernation image")
        }
        self = header
    }
}
