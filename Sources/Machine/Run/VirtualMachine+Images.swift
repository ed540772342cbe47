// Hibernation images on the disks that a guest is started with.
//
// A kernel that resumes puts the swap area's signature back before it loads the image, so that the image is used once, and it
// does not flush that write (`swsusp_check` of Linux's kernel/power/swap.c). Were it lost in a power cut, after the resumed guest
// had written to a file system and had flushed that, the next start would resume the same image again: over a file system that
// is not what its memory says. So the machine makes this one write durable itself.

import Devices
import Hibernation

extension VirtualMachine {
    /// Makes a write to the page with an image's header durable at once, on every disk that has an image.
    func guardHibernationImages() {
        for (disk, device) in zip(configuration.disks, disks) where !disk.isReadOnly {
            // A disk that cannot be read now is one that the guest cannot resume from.
            let image = (try? HibernationImage.find(onDiskAt: disk.path)) ?? nil
            device.writeThrough(
                sectors: image.map { image in
                    let start = image.swapAreaOffset / DiskFile.sectorByteCount
                    return start..<start + UInt64(image.pageSize) / DiskFile.sectorByteCount
                })
        }
    }
}
