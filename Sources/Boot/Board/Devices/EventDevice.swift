// The generic event device, and the two buttons that it speaks for. A device tree has no words for any of them.
//
// Not responsible for: the device's own object in the DSDT, which says what its events mean and so comes last.

extension BoardDescription {
    /// A generic event device: a register whose bits say what happened. Reading clears it; its interrupt stays until
    /// then.
    package struct EventDevice: BoardDevice, Hashable {
        package var device: Device
        /// Bits.
        package var powerButton: UInt32
        package var sleepButton: UInt32

        package init(_ device: Device, powerButton: UInt32, sleepButton: UInt32) {
            self.device = device
            self.powerButton = powerButton
            self.sleepButton = sleepButton
        }

        /// ACPI 6.5, section 4.8.2.2: control-method buttons.
        package func objects(on board: BoardDescription) -> [AML] {
            [("PWRB", "PNP0C0C"), ("SLPB", "PNP0C0E")].map { .device($0, [.hardwareID($1)]) }
        }

        package var notifications: [Notification] {
            [Notification(event: powerButton, object: "PWRB"), Notification(event: sleepButton, object: "SLPB")]
        }
    }
}
