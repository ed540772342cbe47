// How a guest is told of its hardware.

/// What describes the machine to its guest. The raw value is what options, files and records call it.
public enum HardwareDescription: String, Sendable, CaseIterable {
    case deviceTree = "dt"
    /// ACPI's tables, handed over as EFI would.
    case acpi
}
