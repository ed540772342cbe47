// What the machine's disks hold before and after a run.

import DiskImages
import Hibernation

/// Whether one disk has a hibernation image of its guest.
public struct HibernationFinding: Sendable {
    public var path: String
    /// What the disk is; nil if it is what it looks like.
    public let format: DiskFormat?
    /// The images; none if there is none, or if the disk could not be read.
    public var images: [HibernationImage] = []
    /// What nobody looked into.
    public var unsearched: [UnsearchedRegion] = []
    /// Why the disk could not be searched.
    public var failure: String?

    /// The first image.
    public var image: HibernationImage? { images.first }

    /// Searches the disk at `path`, which no guest is writing to.
    ///
    /// - Parameters:
    ///   - path: the disk's.
    ///   - format: what it is; nil if it is what it looks like.
    ///   - selection: where to look.
    public init(path: String, format: DiskFormat? = nil, _ selection: SwapSelection = .all) {
        self.path = path
        self.format = format
        do throws(RawDiskError) {
            let search = try SwapSearch.stoppedDisk(at: path, format: format, selection)
            images = search.images
            unsearched = search.unsearched
        } catch {
            failure = error.description
        }
    }

    /// Whether a guest may have written an image that nobody would see.
    public var mayHideImage: Bool { failure != nil || unsearched.contains(where: \.hidesWrites) }

    /// Where the first image is, in words, if there is one.
    var place: String? {
        image.map { image in
            path + image.area.region.words
                + (image.area.resumeOffset == 0 ? "" : ", with resume_offset=\(image.area.resumeOffset)")
        }
    }
}
