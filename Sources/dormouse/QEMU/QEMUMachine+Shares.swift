// Shares of a QEMU command line: `-virtfs`, and `-fsdev` with `-device virtio-9p-device`.
//
// Follows QEMU's documentation of the options ("Invocation").

import Devices
import Machine
import NinePFS

extension QEMUMachine {
    /// `-fsdev`: a directory that a device is to belong to.
    mutating func takeFsdev(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "fsdev", implied: "fsdriver")
        let share = try share(&list, "fsdev")
        guard let id = list.take("id"), !id.isEmpty else { throw QEMUError("fsdev", "needs an id=") }
        try list.finish()
        guard fsdevs.updateValue(share, forKey: id) == nil else { throw QEMUError("fsdev", "id=\(id) is given twice") }
    }

    /// `-virtfs`: a directory with its device.
    mutating func takeVirtfs(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "virtfs", implied: "fsdriver")
        var share = try share(&list, "virtfs")
        guard let tag = list.take("mount_tag") else {
            throw QEMUError("virtfs", "needs mount_tag=, by which it is mounted")
        }
        share.tag = tag
        _ = list.take("id")
        try list.finish()
        machine.shares.append(share)
    }

    /// `-device virtio-9p-device`.
    mutating func attachShare(_ list: inout QEMUList) throws(QEMUError) {
        let id = list.take("fsdev") ?? ""
        guard var share = fsdevs.removeValue(forKey: id) else {
            throw QEMUError("device", "fsdev=\(id) is not to be found: name the id of an -fsdev")
        }
        guard let tag = list.take("mount_tag") else {
            throw QEMUError("device", "virtio-9p-device needs mount_tag=, by which the share is mounted")
        }
        share.tag = tag
        machine.shares.append(share)
    }

    /// What both say of a directory.
    private func share(_ list: inout QEMUList, _ option: String) throws(QEMUError) -> ShareConfiguration {
        let driver = list.take("fsdriver") ?? ""
        guard driver == "local" else { throw QEMUError(option, "\(driver) is not to be had; say local") }
        guard let path = list.take("path"), !path.isEmpty else {
            throw QEMUError(option, "needs path=, a directory of the host")
        }
        var share = ShareConfiguration(path: path, tag: "")
        switch list.take("security_model") {
        case "none"?: share.securityModel = .none
        case "passthrough"?: share.securityModel = .passthrough
        case "mapped"?, "mapped-xattr"?: share.securityModel = .mapped
        case "mapped-file"?: share.securityModel = .mappedFile
        case let model:
            throw QEMUError(
                option,
                "security_model=\(model ?? "") is not to be had; say none, passthrough, mapped, mapped-xattr or "
                    + "mapped-file")
        }
        share.isReadOnly = try list.takeSwitch("readonly") ?? false
        try list.ignore("multidevs", "remap", "warn")
        try list.ignore("writeout", "immediate")
        return share
    }

    func checkShares() throws(QEMUError) {
        if let id = fsdevs.keys.sorted().first {
            throw QEMUError("fsdev", "\(id) belongs to no device; add -device virtio-9p-device,fsdev=\(id),mount_tag=")
        }
        do throws(MachineError) { try machine.checkShares() } catch { throw QEMUError("virtfs", error.description) }
    }
}
