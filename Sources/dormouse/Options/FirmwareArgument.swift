// Firmware as an option says it: what describes the machine, and whether UEFI starts it.

import ArgumentParser
import Machine

/// `dt` or `acpi`; `uefi` or `uefi=CODE`, with `,dt` or `,acpi` behind it.
struct FirmwareArgument {
    /// How the operating system is told of the machine.
    var hardwareDescription: HardwareDescription
    /// Whether UEFI starts the guest.
    var hasUEFI = false
    /// UEFI's code; nil: what is found on this host.
    var code: String?

    private static let uefi = "uefi"

    static func parse(_ argument: String) throws -> FirmwareArgument {
        let kinds = HardwareDescription.allCases.map(\.rawValue)
        if let kind = HardwareDescription(rawValue: argument) { return FirmwareArgument(hardwareDescription: kind) }
        // A distribution's firmware has ACPI.
        var parsed = FirmwareArgument(hardwareDescription: .acpi, hasUEFI: true)
        var rest = argument[...]
        for kind in HardwareDescription.allCases where rest.hasSuffix(",\(kind.rawValue)") {
            rest = rest.dropLast(kind.rawValue.count + 1)
            parsed.hardwareDescription = kind
            break
        }
        if rest == uefi { return parsed }
        guard rest.hasPrefix(uefi + "="), rest.count > uefi.count + 1 else {
            throw ValidationError("give \(list(kinds)); or uefi or uefi=CODE, with ,dt or ,acpi behind it")
        }
        parsed.code = String(rest.dropFirst(uefi.count + 1))
        return parsed
    }

    /// UEFI's code; nil if it is to be found, and is not there.
    var foundCode: String? { code ?? UEFIFirmware.find() }
}
