// What else a QEMU command line says of the board: memory, clock, order of booting, settings of devices.
//
// Follows QEMU's documentation of -numa, -object, -rtc, -boot and -global ("Invocation").

import Glibc
import Machine

extension QEMUMachine {
    private static let backends = ["memory-backend-ram", "memory-backend-memfd", "memory-backend-file"]
    private static let entropySourceTypes = ["rng-random", "rng-builtin"]

    mutating func takeObject(_ value: String) throws(QEMUError) {
        var settings = try QEMUList(value, of: "object", implied: "qom-type")
        let type = settings.take("qom-type") ?? ""
        let id = settings.take("id") ?? ""
        if Self.backends.contains(type) {
            try takeMemoryBackend(type, id, &settings)
        } else {
            guard Self.entropySourceTypes.contains(type) else {
                throw QEMUError(
                    "object", "\(type) is not to be had; \(list(Self.entropySourceTypes + Self.backends)) are")
            }
            try settings.ignore("filename", "/dev/urandom", "/dev/random", "/dev/hwrng")
            entropySources.insert(id)
        }
        try settings.finish()
    }

    /// Where the guest's memory comes from is no difference that it sees.
    private mutating func takeMemoryBackend(_ type: String, _ id: String, _ list: inout QEMUList) throws(QEMUError) {
        guard !id.isEmpty else { throw QEMUError("object", "\(type) needs an id=") }
        guard let text = list.take("size"), let size = Self.byteCount(text) else {
            throw QEMUError("object", "\(type) needs a size=, such as 1G")
        }
        if let path = list.take("mem-path") {
            warnings.append("-object \(type),mem-path=\(path): the guest's memory is in no file")
        } else if type == "memory-backend-file" {
            throw QEMUError("object", "\(type) needs mem-path=")
        }
        for key in ["share", "prealloc", "merge", "dump", "hugetlb", "seal", "reserve"] {
            _ = try list.takeSwitch(key)
        }
        guard memoryBackends.updateValue(size, forKey: id) == nil else {
            throw QEMUError("object", "id=\(id) is given twice")
        }
    }

    /// `-numa`: one node, which is the machine.
    mutating func takeNUMA(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "numa", implied: "type")
        let type = list.take("type") ?? ""
        guard type == "node" else { throw QEMUError("numa", "\(type) is not to be had; say node,memdev=ID") }
        guard numaBackend == nil else { throw QEMUError("numa", "node is given twice: there is one node") }
        try list.ignore("nodeid", "0")
        // Those of all CPUs there are.
        _ = list.takeAll("cpus")
        guard let id = list.take("memdev") else { throw QEMUError("numa", "node needs memdev=, the id of an -object") }
        try list.finish()
        numaBackend = id
    }

    /// Compares what was said of memory in several places.
    func checkMemory() throws(QEMUError) {
        for (option, id) in [("numa", numaBackend), ("machine", machineBackend)] {
            guard let id else { continue }
            guard let size = memoryBackends[id] else {
                throw QEMUError(option, "memory \(id) is not to be found: name the id of an -object memory-backend-ram")
            }
            guard size == machine.memoryByteCount else {
                let machineSize = machine.memoryByteCount >> 20
                throw QEMUError(
                    option, "\(id) has \(size >> 20) MiB, and the machine \(machineSize): say the same with -m")
            }
        }
    }

    mutating func takeClock(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "rtc")
        if let base = list.take("base"), base != "utc" {
            throw QEMUError("rtc", "base=\(base) is not to be had: the guest's clock has the host's time, base=utc")
        }
        try list.ignore("clock", "host")
        try list.ignore("driftfix", "none", "slew")
        try list.finish()
    }

    mutating func takeBoot(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "boot", implied: "order")
        for key in ["order", "once"] {
            guard let order = list.take(key) else { continue }
            guard !order.isEmpty, order.utf8.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "p")).contains($0) }) else {
                throw QEMUError("boot", "\(key)=\(order) is no order: say letters of drives, such as \(key)=c")
            }
            warnings.append("-boot \(key)=\(order): firmware takes an order by bootindex=, and a kernel needs none")
        }
        let hasMenu = try list.takeSwitch("menu") == true
        let time = list.take("splash-time")
        if let time, Int(time).map((0...Int(UInt16.max)).contains) != true {
            throw QEMUError("boot", "splash-time=\(time) is no time: say milliseconds, up to \(UInt16.max)")
        }
        if hasMenu {
            // Firmware's seconds, as edk2 rounds them. Without a time it waits for three.
            bootMenuWait = min(time.flatMap { Int($0) }.map { ($0 + 999) / 1000 } ?? 3, BootOrderError.menuWaitLimit)
        }
        _ = try list.takeSwitch("strict")
        for key in ["splash", "reboot-timeout"] { _ = list.take(key) }
        try list.finish()
    }

    /// `-global`: a setting of all devices of a kind. The one that people make is how virtio-mmio is here.
    mutating func takeGlobal(_ value: String) throws(QEMUError) {
        let parts = value.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.first == "virtio-mmio.force-legacy", parts.count == 2 else {
            throw QEMUError("global", "\(value) is not to be had; virtio-mmio.force-legacy=off is")
        }
        try allow(parts[1], ["off", "false", "no", "n"], "global", "there is no legacy virtio")
    }
}
