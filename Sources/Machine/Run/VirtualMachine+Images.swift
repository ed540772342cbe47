// Hibernation images on the disks: those that a guest is started with, and those that it writes.
//
// A kernel that resumes puts the swap area's signature back before it loads the image, so that the image is used once,
// and it does not flush that write (`swsusp_check` of Linux's kernel/power/swap.c). Were it lost in a power cut, after
// the resumed guest had written to a file system and had flushed that, the next start would resume the same image
// again: over a file system that is not what its memory says. So the machine makes this one write durable itself.
//
// A kernel that hibernates writes the image's header as one page, over the one that swap begins with, and the signature
// is the page's end. Wherever a file system, a volume manager or a RAID puts that page on a disk, it is seen there while
// it is written; only encryption hides it. A page that ends so in a file is none, unless it was swap's before.

import Devices
import DiskImages
import Hibernation
import Synchronization

/// Where headers of images were written during a run.
final class ImageWatch: Sendable {
    /// For each disk, more than a guest has swap areas: what a guest makes us keep has a bound. The newest are kept: the
    /// header of a guest that hibernates is the last thing that it writes.
    private static let maximumCount = 16

    private let ends: Mutex<[[UInt64]]>

    init(diskCount: Int) {
        ends = Mutex(Array(repeating: [], count: diskCount))
    }

    /// Notes a header that ends there; false if it is the newest already.
    func note(disk: Int, headerEnd: UInt64) -> Bool {
        ends.withLock { ends in
            guard ends[disk].last != headerEnd else { return false }
            ends[disk] = ends[disk].filter { $0 != headerEnd }.suffix(Self.maximumCount - 1) + [headerEnd]
            return true
        }
    }

    func headerEnds(ofDisk disk: Int) -> [UInt64] { ends.withLock { $0[disk] } }
}

extension VirtualMachine {
    /// Begins to look at what the guest writes.
    func watchHibernationImages() {
        let watch = imageWatch
        let events = events
        for (index, device) in disks.enumerated() {
            device.watch(blocksEndingWith: HibernationImage.signature, where: HibernationImage.isMarked) { end in
                // Before the guest knows that its header is on the disk, so that who is killed then remembers it.
                if watch.note(disk: index, headerEnd: end) { events.imageWritten?(index, end) }
            }
        }
    }

    /// Makes a write to the page with an image's header durable at once, on every disk that has an image.
    func guardHibernationImages() {
        for (index, device) in disks.enumerated() where !configuration.disks[index].isReadOnly {
            // A disk that cannot be read now is one that the guest cannot resume from.
            let image = finding(ofDisk: index).image
            device.writeThrough(
                sectors: image.map { image in
                    let start = image.swapAreaOffset / DiskFile.sectorByteCount
                    return start..<start + UInt64(image.pageSize) / DiskFile.sectorByteCount
                })
        }
    }

    /// What the disks hold, while no guest runs.
    public var findings: [HibernationFinding] { disks.indices.map(finding) }

    private func finding(ofDisk index: Int) -> HibernationFinding {
        HibernationFinding(
            path: configuration.disks[index].path, format: configuration.disks[index].format,
            configuration.swapSelection(ofDisk: index, headerEnds: imageWatch.headerEnds(ofDisk: index)))
    }

    /// Where the guest wrote headers of images since the machine was made, for each disk: the end of each page, in
    /// bytes.
    public var writtenHeaderEnds: [[UInt64]] { disks.indices.map(imageWatch.headerEnds) }
}

extension MachineConfiguration {
    /// Where to look for images on a disk: wherever a swap partition may be, where the kernel's command line says that
    /// a swap file is, and where images were seen.
    public func swapSelection(ofDisk index: Int, headerEnds: [UInt64] = []) -> SwapSelection {
        var selection = SwapSelection.all
        selection.furtherOffsets = resumeOffsets
        let known = knownHeaderEnds[disks[index].path] ?? []
        // The newest last, those among them that were known and were written again.
        selection.headerEnds = known.filter { !headerEnds.contains($0) } + headerEnds
        return selection
    }

    /// What `resume_offset=` on the kernel's command line says; the last one is the kernel's, but a boot loader of the
    /// guest's may have been told of an earlier one. Which disk or partition it is of is not looked at: the page there
    /// has to be a header.
    private var resumeOffsets: [UInt64] {
        let name = "resume_offset="
        let offsets = commandLine.split(separator: " ").filter { $0.hasPrefix(name) }
            .compactMap { UInt64($0.dropFirst(name.count)) }
        return Array(offsets.filter { $0 > 0 }.suffix(4))
    }
}
