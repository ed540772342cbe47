// What the machine's disks hold after a run.

import Hibernation

/// Whether one disk has a hibernation image of its guest.
public struct HibernationFinding: Sendable {
    public var path: String
    /// The image; nil if there is none, or if the disk could not be read.
    public var image: HibernationImage?
    /// Why the disk could not be searched.
    public var failure: String?

    /// Searches the disk at `path`, which no guest is writing to.
    public init(path: String) {
        self.path = path
        do throws(RawDiskError) {
            image = try HibernationImage.find(onDiskAt: path)
        } catch {
            failure = error.description
        }
    }

    /// Where the image is, in words, if there is one.
    var place: String? {
        image.map { image in image.partition.map { "\(path), partition \($0)" } ?? path }
    }
}
