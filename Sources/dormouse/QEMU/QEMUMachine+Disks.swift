// Disks of a QEMU command line.

import Devices
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
        case "raw"?: disk.isRaw = true
        case nil: break
        case let format?: throw QEMUError(option, "format=\(format) is not to be had yet: convert \(path) to raw")
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
            throw QEMUError(option, "snapshot=on is not to be had yet: copy \(path), and give the copy")
        }
        var index: Int?
        if let text = list.take("index") {
            guard let number = Int(text), (0..<64).contains(number) else {
                throw QEMUError(option, "index=\(text) is no place for a disk")
            }
            index = number
        }
        let id = list.take("id")
        try list.finish()
        guard interface == "none" else {
            attached.append((index, disk))
            return
        }
        guard let id else { throw QEMUError(option, "if=none needs an id=, by which a device names it") }
        guard drives.updateValue(disk, forKey: id) == nil else { throw QEMUError(option, "id=\(id) is given twice") }
    }

    /// `-device virtio-blk-device`.
    mutating func attachDrive(_ list: inout QEMUList) throws(QEMUError) {
        let id = list.take("drive") ?? ""
        guard var disk = drives.removeValue(forKey: id) else {
            throw QEMUError("device", "drive=\(id) is not to be found: name the id of a -drive with if=none")
        }
        _ = list.take("bootindex")
        try list.ignore("write-cache", "on")
        switch list.take("werror") {
        case "stop"?: disk.onError = .stop
        case "report"?, "enospc"?, nil: break
        case let policy?: throw QEMUError("device", "werror=\(policy) is not to be had; say stop, enospc or report")
        }
        attached.append((nil, disk))
    }
}
