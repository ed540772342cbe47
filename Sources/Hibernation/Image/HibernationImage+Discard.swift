// Taking an image away, and putting it back.
//
// Follows what Linux does when it takes an image (kernel/power/swap.c, swsusp_check): the original signature goes over
// the image's, and nothing else of the page changes. So what a kernel that refused the image left is the same as what
// this leaves, and both can be undone. Ten bytes in one sector are written, with the disk locked, and synchronised.
//
// Not responsible for: what else was written to the guest's disks meanwhile. An image over a file system that went on
// without it destroys that one, so whoever restores has to know that nothing did.

import DiskImages

/// Why an image was not taken away, or not put back.
public enum ImageHeaderError: Error, Sendable, Equatable, CustomStringConvertible {
    case disk(RawDiskError)
    /// The header does not say what to put back.
    case originalSignature(path: String)
    /// The page is neither what it was nor what taking the image away makes of it.
    case changed(path: String)
    /// The image would be put back where it is not any more.
    case torn(path: String, ImageDamage)

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .originalSignature(let path):
            "the header of the hibernation image on disk \(path) does not say what swap it was; make it anew with mkswap"
        case .changed(let path):
            "the swap area on disk \(path) is not as it was left; it was written since, so the image stays away"
        case .torn(let path, let damage):
            "the hibernation image on disk \(path) is not whole any more (\(damage)), so it stays away"
        }
    }
}

extension HibernationImage {
    /// Takes the image on the disk at `path` away: its guest boots clean. What `find` finds is what goes; of several
    /// images, one.
    ///
    /// - Parameters:
    ///   - path: the disk's.
    ///   - format: what the disk is; nil if it is what it looks like.
    ///   - selection: where to look.
    /// - Returns: what `restore` needs to put it back; nil if there was no image.
    public static func discard(
        onDiskAt path: String, format: DiskFormat? = nil, _ selection: SwapSelection = .all
    ) throws(ImageHeaderError) -> SavedImageHeader? {
        try withDisk(at: path, format: format, for: .writing) { disk throws(ImageHeaderError) in
            guard let header = try header(on: disk, at: path, selection) else { return nil }
            try write(header.originalSignature, of: header, on: disk)
            return header
        }
    }

    /// What `discard` would return, with nothing done yet: to be kept before it is needed.
    public static func savedHeader(
        onDiskAt path: String, format: DiskFormat? = nil, _ selection: SwapSelection = .all
    ) throws(ImageHeaderError) -> SavedImageHeader? {
        try withDisk(at: path, format: format, for: .readingUnused) { disk throws(ImageHeaderError) in
            try header(on: disk, at: path, selection)
        }
    }

    /// Puts an image back that `discard` took away, or that a kernel refused. Refuses if the page is not as that left
    /// it, or the image not whole. An image that is there already stays.
    public static func restore(
        _ header: SavedImageHeader, onDiskAt path: String, format: DiskFormat? = nil
    ) throws(ImageHeaderError) {
        try withDisk(at: path, format: format, for: .writing) { disk throws(ImageHeaderError) in
            let page = try mapping { () throws(RawDiskError) in
                try disk.read(at: header.diskOffset, count: header.pageSize)
            }
            if page == header.page { return }
            guard page == header.pageWithoutImage else { throw .changed(path: path) }
            let inspection = try mapping { () throws(RawDiskError) -> ImageInspection? in
                let areas = try SwapSearch(disk, header.selection).areas
                // The area is found by its original signature, and then looked at as it will be.
                guard
                    let area = areas.first(where: {
                        $0.headerOffset == header.diskOffset && $0.pageSize == header.pageSize
                    }), let image = HibernationImage(area.with(header))
                else { return nil }
                return try ImageInspection(image, on: disk, readingData: true)
            }
            guard let inspection else { throw .changed(path: path) }
            if case .torn(let damage) = inspection.verdict { throw .torn(path: path, damage) }
            try write(header.imageSignature, of: header, on: disk)
        }
    }

    private static func header(
        on disk: RawDisk, at path: String, _ selection: SwapSelection
    ) throws(ImageHeaderError) -> SavedImageHeader? {
        let found = try mapping { () throws(RawDiskError) -> (HibernationImage, [UInt8])? in
            guard let image = try SwapSearch(disk, selection).images.first,
                let page = try disk.read(at: image.swapAreaOffset, count: image.pageSize)
            else { return nil }
            return (image, page)
        }
        guard let (image, page) = found else { return nil }
        guard let header = SavedImageHeader(image, page: page) else { throw .originalSignature(path: path) }
        return header
    }

    private static func write(
        _ signature: [UInt8], of header: SavedImageHeader, on disk: RawDisk
    ) throws(ImageHeaderError) {
        try mapping { () throws(RawDiskError) in try disk.write(signature, at: header.signatureOffset) }
    }

    private static func withDisk<Result>(
        at path: String, format: DiskFormat?, for access: RawDisk.Access,
        _ body: (RawDisk) throws(ImageHeaderError) -> Result
    ) throws(ImageHeaderError) -> Result {
        try RawDisk.withDisk(at: path, format: format, for: access, failure: { .disk($0) }, body)
    }

    private static func mapping<Result>(
        _ body: () throws(RawDiskError) -> Result
    ) throws(ImageHeaderError) -> Result {
        do throws(RawDiskError) {
            return try body()
        } catch {
            throw .disk(error)
        }
    }
}

extension SwapArea {
    /// The same area with an image's header.
    fileprivate func with(_ header: SavedImageHeader) -> SwapArea {
        SwapArea(
            region: region, resumeOffset: resumeOffset, pageSize: pageSize, signature: .suspend,
            byteCount: byteCount, fields: Array(header.page.suffix(SwapHeader.Fields.byteCount)))
    }
}
