// A bank of flash: UEFI's code or its variables.

import Boot
import Bytes
import Devices
import Hypervisor
import Synchronization

/// Where a model has flash.
struct FlashLayout: Sendable {
    /// Where firmware is executed in place.
    var code: Range<PhysicalAddress>
    var variables: Range<PhysicalAddress>

    var variablesByteCount: UInt64 { variables.upperBound - variables.lowerBound }
}

/// The way from a flash whose power is cut to the machine, which is made later.
final class FlashPower: Sendable {
    private let hear = Mutex<@Sendable () -> Void>({})

    func onCut(_ hear: @escaping @Sendable () -> Void) {
        self.hear.withLock { $0 = hear }
    }

    func isCut() { hear.withLock(\.self)() }
}

struct FlashComponent: Component {
    enum Content: String, Sendable {
        case code
        case variables
    }

    var content: Content
    var registers: Range<PhysicalAddress>
    /// Bytes that are erased at once.
    var blockByteCount = CFIFlash.blockByteCount
    /// Bytes of the bus.
    var bankWidth = CFIFlash.bankWidth

    var name: String { "flash.\(content)" }
    var windows: [Range<PhysicalAddress>] { [registers] }
    var rom: [Range<PhysicalAddress>] { [registers] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        [
            "base": hexadecimal(registers.lowerBound), "size": "\(registers.upperBound - registers.lowerBound)",
            "block-size": "\(blockByteCount)", "bank-width": "\(bankWidth)",
        ]
    }

    var description: [any BoardDevice] {
        [BoardDescription.Flash(banks: [registers], bankWidth: UInt32(bankWidth))]
    }

    func make(_ parts: inout MachineParts) throws(MachineError) -> MadeComponent {
        guard let uefi = parts.configuration.uefi,
            let rom = parts.memory.roms.first(where: { $0.range == registers })
        else { return MadeComponent() }
        var storage = try load(uefi, into: rom, &parts)
        if let kept = storage, let laboratory = parts.diskLaboratory { storage = laboratory.recording(kept) }
        if let good = storage, let fault = parts.configuration.laboratory.flash {
            let power = parts.flashPower
            storage = FailingFlashStorage(good, fault: fault) { power.isCut() }
        }
        let flash = CFIFlash(rom: rom, storage: storage)
        if storage != nil { parts.flashes.append(flash) }
        return MadeComponent(devices: [flash], state: flash, reset: { flash.reset() })
    }

    /// Fills the bank; returns where what is written to it lasts.
    private func load(
        _ uefi: UEFIConfiguration, into rom: GuestROM, _ parts: inout MachineParts
    ) throws(MachineError) -> (any FlashStorage)? {
        let byteCount = registers.upperBound - registers.lowerBound
        func open(_ path: String, _ use: FlashFile.Use) throws(MachineError) -> FlashFile {
            do throws(FlashFileError) {
                let file = try FlashFile(path: path, use: use, flashByteCount: byteCount)
                try file.load(into: rom)
                return file
            } catch { throw .flash(error) }
        }
        let code = uefi.codeCopy ?? uefi.code
        let maker = try UEFIFirmware.maker(ofCode: code, within: byteCount)
        switch content {
        case .code:
            guard maker == .edk2 || parts.configuration.hardwareDescription == .deviceTree else {
                throw .noACPIFirmware(path: uefi.code)
            }
            let isOrdered = !parts.configuration.bootOrder.isEmpty || parts.configuration.bootMenuWait != nil
            guard maker == .edk2 || !isOrdered else { throw .boot(.deafFirmware) }
            _ = try open(code, .code)
            return nil
        case .variables:
            if let path = uefi.variables {
                // What U-Boot keeps begins with nothing that it could be known by.
                if maker == .edk2 { try UEFIFirmware.checkVariables(path) }
                let file = try open(path, .variables)
                parts.flashFiles.append(file)
                return file
            }
            if let path = uefi.template {
                try UEFIFirmware.checkVariables(path)
                _ = try open(path, .code)
            }
            return VolatileFlashStorage()
        }
    }
}
