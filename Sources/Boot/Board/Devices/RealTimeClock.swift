// A PL031: the time of day.

extension BoardDescription {
    /// A PL031.
    package struct RealTimeClock: BoardDevice, Hashable {
        /// What it is to ACPI, which has no id for a PL031.
        package enum ACPIForm: Sendable, Hashable {
            /// What a time and alarm device works with (DSDT+Clock.swift). It has no alarm.
            case timeAndAlarm
            /// A PrimeCell, which drivers know by its own identification registers.
            case primeCell
        }

        package var device: Device
        package var acpiForm: ACPIForm

        package init(_ device: Device, acpiForm: ACPIForm) {
            self.device = device
            self.acpiForm = acpiForm
        }

        package var hasPeripheralClock: Bool { true }

        /// rtc/arm,pl031.yaml.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            [.primecell("rtc", "arm,pl031", device, clocks: ["apb_pclk"])]
        }

        package func objects(on board: BoardDescription) -> [AML] {
            switch acpiForm {
            case .timeAndAlarm: [DSDT.clock(device)]
            case .primeCell: [primeCell]
            }
        }

        /// Of the ids that arm64 Linux takes for a PrimeCell (drivers/acpi/arm64/amba.c) one is a PL061's. It only says
        /// that there is a PrimeCell: which driver gets it, the PeriphID registers decide.
        private var primeCell: AML {
            .device(
                "RTC0",
                [
                    .hardwareID("DRMS0002"), .name("_CID", .string("ARMH0061")), .uniqueID(0),
                    .resources(.memory(device.registers), .interrupt(device.interrupt)),
                ])
        }
    }
}
