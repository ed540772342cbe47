// Disks of a QEMU command line.

import Devices
import DiskImages
import Glibc
import Machine

extension QEMUMachine {
    /// `-drive`, and `-hda`, which names a file and nothing else.
    mutating func takeDrive(_ value: String, _ option: String) throws(QEMUError) {
        guard option == "drive" else {
            attached.append((index: 0, disk: DiskConfiguration(path: value)))
            return
        }
        var list = try QEMUList(value, of: option)
        let path = list.take("file")
        let interface = list.take("if") ?? "virtio"
        guard interface != "pflash" else {
            return try takeFlash(path, &list)
        }
        guard ["virtio", "none"].contains(interface) else {
            throw QEMUError(option, "if=\(interface) is not to be had: say if=virtio or if=none")
        }
        guard let path, !path.isEmpty else { throw QEMUError(option, "needs file=") }
        var disk = DiskConfiguration(path: path)
        switch list.take("format") {
        case "raw"?: disk.format = .raw
        case "qcow2"?: disk.format = .qcow2
        case nil: break
        case let format?: throw QEMUError(option, "format=\(format) is not to be had: convert \(path) to qcow2 or raw")
        }
        disk.isReadOnly = try list.takeSwitch("readonly", "read-only") ?? false
        try list.ignore("media", "disk", "cdrom")
        try list.ignore("cache", "none", "writeback", "writethrough", "unsafe", "directsync")
        try list.ignore("discard", "ignore", "off", "unmap", "on")
        try list.ignore("detect-zeroes", "off", "on", "unmap")
        try list.ignore("aio", "threads", "native", "io_uring")
        switch list.take("werror") {
        case "report"?, "enospc"?, nil: break
        case "stop"?: disk.onError = .stop
        case let policy?: throw QEMUError(option, "werror=\(policy) is not to be had; say stop, enospc or report")
        }
        try list.ignore("rerror", "report")
        if try list.takeSwitch("snapshot") == true {
            snapshots.insert(path)
        }
        var index: Int?
        if let text = list.take("index") {
            guard let number = Int(text), (0..<64).contains(number) else {
                throw QEMUError(option, "index=\(text) is no place for a disk")
            }
            index = number
        }
        try takeSerial(of: &disk, from: &list)
        let id = list.take("id")
        try list.finish()
        guard interface == "none" else {
            attached.append((index, disk))
            return
        }
        guard let id else { throw QEMUError(option, "if=none needs an id=, by which a device names it") }
        guard drives.updateValue(disk, forKey: id) == nil else { throw QEMUError(option, "id=\(id) is given twice") }
    }

    /// `-blockdev`: a file in a format, in one option. What a node of its own is for, others have no use here.
    mutating func takeBlockdev(_ value: String) throws(QEMUError) {
        let option = "blockdev"
        var list = try QEMUList(value, of: option)
        guard let driver = list.take("driver"), let format = DiskFormat(rawValue: driver) else {
            throw QEMUError(option, "needs driver=raw or driver=qcow2, with file.driver=file and file.filename=")
        }
        guard let name = list.take("node-name"), !name.isEmpty else {
            throw QEMUError(option, "needs a node-name=, by which a device names it")
        }
        try list.ignore("file.driver", "file", "host_device")
        guard let path = list.take("file.filename"), !path.isEmpty else {
            throw QEMUError(option, "needs file.filename=: the file is named in the same option")
        }
        var disk = DiskConfiguration(path: path, format: format)
        disk.isReadOnly = try list.takeSwitch("read-only") ?? false
        for key in ["cache.direct", "cache.no-flush", "file.cache.direct", "file.cache.no-flush"] {
            try list.ignore(key, "on", "off", "yes", "no", "true", "false")
        }
        try list.ignore("file.aio", "threads", "native", "io_uring")
        for key in ["discard", "file.discard"] { try list.ignore(key, "ignore", "unmap") }
        try list.ignore("detect-zeroes", "off", "on", "unmap")
        try list.finish()
        guard drives.updateValue(disk, forKey: name) == nil else {
            throw QEMUError(option, "node-name=\(name) is given twice")
        }
    }

    /// `serial=`, of which a guest sees as much as virtio has room for.
    private mutating func takeSerial(of disk: inout DiskConfiguration, from list: inout QEMUList) throws(QEMUError) {
        guard let text = list.take("serial") else { return }
        let serial = String(decoding: text.utf8.prefix(BlockDevice.serialByteLimit), as: UTF8.self)
        guard DiskConfiguration.isSerial(serial) else {
            throw QEMUError(list.option, "serial=\(text) is not to be had: it needs printable characters of ASCII")
        }
        if serial != text { warnings.append("-\(list.option) serial=\(text): a guest sees \(serial)") }
        disk.serial = serial
    }

    /// The machine, with overlays over the disks of which nothing is to be kept. They go with the process.
    func preparedMachine() throws(DiskImageError) -> MachineConfiguration {
        var machine = machine
        for (index, disk) in machine.disks.enumerated()
        where !disk.isReadOnly && (isSnapshot || snapshots.contains(disk.path)) {
            let base = try OverlayBase(path: disk.path, format: disk.format)
            // Where QEMU has them.
            let directory = getenv("TMPDIR").map { String(cString: $0) } ?? ""
            machine.disks[index].path = try base.makeTemporaryOverlay(in: directory.isEmpty ? "/var/tmp" : directory)
            machine.disks[index].format = .qcow2
        }
        return machine
    }

    /// `-device virtio-blk-device`.
    mutating func attachDrive(_ list: inout QEMUList) throws(QEMUError) {
        let id = list.take("drive") ?? ""
        guard var disk = drives.removeValue(forKey: id) else {
            throw QEMUError("device", "drive=\(id) is not to be found: name the id of a -drive with if=none")
        }
        try bootOrder.take(&list, of: .disk(attached.count))
        try takeSerial(of: &disk, from: &list)
        try list.ignore("write-cache", "on")
        switch list.take("werror") {
        case "stop"?: disk.onError = .stop
        case "report"?, "enospc"?, nil: break
        case let policy?: throw QEMUError("device", "werror=\(policy) is not to be had; say stop, enospc or report")
        }
        attached.append((nil, disk))
    }
}
