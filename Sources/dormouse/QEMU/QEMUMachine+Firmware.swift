// Firmware of a QEMU command line: `-bios`, and flash by `-drive if=pflash` or `-pflash`.
//
// Follows QEMU's docs/system/arm/virt.rst: the first flash has the code, and the second one the variables.

import Glibc
import Machine

extension QEMUMachine {
    /// A file that is the contents of a flash.
    struct Flash: Equatable {
        var path: String
        var isReadOnly: Bool
    }

    private static let flashCount = 2
    /// Where QEMU and Debian have firmware that is named without a directory.
    private static let directories = ["/usr/share/qemu", "/usr/share/qemu-efi-aarch64", "/usr/share/AAVMF"]

    /// `-drive if=pflash`, whose file and interface are taken already.
    mutating func takeFlash(_ path: String?, _ list: inout QEMUList) throws(QEMUError) {
        guard let path, !path.isEmpty else { throw QEMUError("drive", "if=pflash needs file=") }
        switch list.take("format") {
        case "raw"?, nil: break
        case let format?:
            throw QEMUError("drive", "format=\(format) is not to be had for if=pflash: convert \(path) to raw")
        }
        let text = list.take("unit", "index")
        let unit = text.map { Int($0) ?? -1 }
        if let unit, !(0..<Self.flashCount).contains(unit) {
            throw QEMUError("drive", "unit=\(text ?? "") is no flash: there are unit=0 and unit=1")
        }
        let isReadOnly = try list.takeSwitch("readonly", "read-only") ?? false
        try list.ignore("cache", "none", "writeback", "writethrough", "unsafe", "directsync")
        try list.ignore("media", "disk")
        _ = list.take("id")
        try list.finish()
        try addFlash(Flash(path: path, isReadOnly: isReadOnly), unit, "drive")
    }

    mutating func addFlash(_ file: Flash, _ unit: Int?, _ option: String) throws(QEMUError) {
        guard let unit = unit ?? (0..<Self.flashCount).first(where: { flash[$0] == nil }) else {
            throw QEMUError(option, "\(file.path) is one flash too many: there are two")
        }
        guard flash.updateValue(file, forKey: unit) == nil else {
            throw QEMUError(option, "unit=\(unit) is given to two files")
        }
    }

    /// Whether firmware starts the guest.
    var hasFirmware: Bool { bios != nil || !flash.isEmpty }

    /// Makes a machine of it that has flash. It is the newest one, unless another is asked for.
    mutating func applyFirmware() throws(QEMUError) {
        guard hasFirmware else {
            if !machine.guest.strings.isEmpty {
                warnings.append("-smbios type=11: without firmware, -bios, there are no SMBIOS tables to read it in")
            }
            return
        }
        guard bios == nil || flash[0] == nil else {
            throw QEMUError("bios", "and if=pflash,unit=0 are both the firmware's code: give one of them")
        }
        guard let code = bios.map(Self.found) ?? flash[0]?.path else {
            throw QEMUError("drive", "if=pflash,unit=1 has variables: give the code too, as unit=0")
        }
        guard flash[1]?.isReadOnly != true else {
            throw QEMUError("drive", "unit=1,readonly=on is not to be had: variables are written; give a copy, or none")
        }
        machine.uefi = UEFIConfiguration(code: code, variables: flash[1]?.path)
        machine.hardwareDescription = hasACPI ? .acpi : .deviceTree
        if !machineArguments.contains(where: { $0.hasPrefix("--model=") }) {
            machineArguments.append("--model=\(MachineModel.virt2.name)")
        }
    }

    private static func found(_ name: String) -> String {
        guard !name.contains("/"), access(name, F_OK) != 0 else { return name }
        return directories.map { "\($0)/\(name)" }.first { access($0, R_OK) == 0 } ?? name
    }

    /// `-smbios`: tables that a guest of firmware reads.
    mutating func takeSMBIOS(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "smbios")
        switch list.take("type") {
        case "1"?: if let uuid = list.take("uuid") { try takeUUID(uuid, "smbios") }
        case "11"?: try takeStrings(&list)
        case let type?: throw QEMUError("smbios", "type=\(type) is not to be had; type=1,uuid= and type=11,value= are")
        case nil: throw QEMUError("smbios", "needs type=")
        }
        try list.finish()
    }

    private static let stringLimit = 1 << 16
    private static let stringCountLimit = 1024

    /// Strings that mean something to whoever knows them, such as credentials of systemd's.
    private mutating func takeStrings(_ list: inout QEMUList) throws(QEMUError) {
        var strings = list.takeAll("value")
        for path in list.takeAll("path") { strings.append(try SmallFile.text(path, limit: Self.stringLimit, "smbios")) }
        guard !strings.isEmpty else { throw QEMUError("smbios", "type=11 needs value= or path=") }
        guard strings.allSatisfy({ $0.utf8.count <= Self.stringLimit && !$0.isEmpty }) else {
            throw QEMUError(
                "smbios", "type=11 takes no empty string, and none of more than \(Self.stringLimit >> 10) KiB")
        }
        machine.guest.strings += strings
        guard machine.guest.strings.count <= Self.stringCountLimit else {
            throw QEMUError("smbios", "type=11 takes up to \(Self.stringCountLimit) strings")
        }
    }
}
