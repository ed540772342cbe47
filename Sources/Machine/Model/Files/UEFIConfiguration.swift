// UEFI that a machine starts with instead of a kernel: which files it is.
//
// Responsible for: where distributions have it, and whether a file is what it is taken for. Not responsible for: how the
// guest sees it (`FlashComponent`).

import Boot
import Devices
import Glibc

/// UEFI firmware of a machine.
public struct UEFIConfiguration: Sendable, Hashable {
    /// Its code, executed in place.
    public var code: String
    /// A copy that is loaded in place of it. The guest sees nothing of it.
    public var codeCopy: String?
    /// Where its variables last; nil: they begin as the firmware's maker has them, and are forgotten with the machine.
    public var variables: String?

    public init(code: String, variables: String? = nil) {
        self.code = code
        self.variables = variables
    }

    /// What its variables begin with; nil: empty, which firmware formats.
    public var template: String? { UEFIFirmware.template(besides: code) }
}

/// Where there is firmware on this host.
public enum UEFIFirmware {
    /// By their paths below the root: Debian and Ubuntu, Fedora, Homebrew, and QEMU's own.
    static let codePaths = [
        "/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd",
        "/usr/share/AAVMF/AAVMF_CODE.fd",
        "/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw",
        "/opt/homebrew/share/qemu/edk2-aarch64-code.fd",
        "/usr/local/share/qemu/edk2-aarch64-code.fd",
        "/usr/share/qemu/edk2-aarch64-code.fd",
    ]

    /// What each calls the variables that go with a file of code, in the same directory.
    private static let templates = [
        "AAVMF_CODE.no-secboot.fd": "AAVMF_VARS.fd", "AAVMF_CODE.fd": "AAVMF_VARS.fd",
        "QEMU_EFI-pflash.raw": "vars-template-pflash.raw", "edk2-aarch64-code.fd": "edk2-arm-vars.fd",
    ]

    /// The first that is there.
    ///
    /// - Parameter root: of the file system.
    public static func find(below root: String = "") -> String? {
        codePaths.lazy.map { root + $0 }.first { access($0, R_OK) == 0 }
    }

    static func template(besides code: String) -> String? {
        let name = code.split(separator: "/").last.map(String.init) ?? ""
        guard let template = templates[name] else { return nil }
        let path = code.dropLast(name.count) + template
        return access(String(path), R_OK) == 0 ? String(path) : nil
    }

    /// Who made code, which decides what becomes of the rest.
    enum Maker {
        /// edk2, which keeps its variables in flash, and hands ACPI's tables on.
        case edk2
        /// U-Boot, which keeps its environment there, and knows device trees only.
        case uBoot
    }

    /// Throws if the file at `path` is no code that fits into `byteCount` bytes of flash.
    static func maker(ofCode path: String, within byteCount: UInt64) throws(MachineError) -> Maker {
        let prefix = try HostFile(path: path, role: "firmware").read(count: FirmwareVolume.prefixByteCount)
        if FirmwareVolume.isCode(prefix: prefix) { return .edk2 }
        guard UBootHeader.isCode(prefix: prefix, within: byteCount) else { throw .notFirmware(path: path) }
        return .uBoot
    }

    /// Throws if the file at `path` has no variables.
    static func checkVariables(_ path: String) throws(MachineError) {
        let prefix = try HostFile(path: path, role: "firmware's variables").read(
            count: FirmwareVolume.prefixByteCount)
        guard FirmwareVolume.isVariables(prefix: prefix) else { throw .notVariables(path: path) }
    }
}

extension MachineConfiguration {
    /// Throws if the machine has UEFI and cannot, or has nothing to start with.
    func checkFirmware() throws(MachineError) {
        guard uefi != nil else {
            guard kernel != nil else { throw .nothingToStart }
            return
        }
        guard model.flash != nil else { throw .noUEFI(model: model.name) }
        guard kernelFormat != .flat else { throw .flatImageWithUEFI }
        guard kernel != nil || initrd == nil else { throw .initrdWithoutKernel }
        guard memoryByteCount >= BootPlan.leastMemoryForUEFI else {
            throw .bootPlan(.notEnoughMemoryForUEFI(available: memoryByteCount))
        }
    }

    /// Makes a file with variables for this machine's firmware, as they begin.
    ///
    /// - Parameters:
    ///   - path: where nothing is yet.
    ///   - source: what they begin with; nil: what the firmware's maker has.
    public func makeVariables(at path: String, from source: String? = nil) throws(MachineError) {
        guard let uefi, let flash = model.flash else { throw .noUEFI(model: model.name) }
        let template = source ?? uefi.template
        if let template { try UEFIFirmware.checkVariables(template) }
        do throws(FlashFileError) {
            try FlashFile.make(at: path, from: template, flashByteCount: flash.variablesByteCount)
        } catch { throw .flash(error) }
    }
}
