// The serial port: a PL011, the guest's console.

import Boot
import Bytes
import Devices
import Hypervisor

struct SerialPortComponent: Component {
    var registers: Range<PhysicalAddress>
    var spi: Int
    /// Whether firmware has turned it on before the guest runs, as ACPI's description of it means.
    var isSetUp: Bool
    /// What it says of itself.
    var peripheralID = PL011.peripheralID
    var fifoDepth = PL011.fifoDepth

    let name = "uart"
    var windows: [Range<PhysicalAddress>] { [registers] }
    var spis: [Int] { [spi] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        [
            "base": hexadecimal(registers.lowerBound), "spi": "\(spi)", "state": isSetUp ? "on" : "off",
            "peripheral-id": hexadecimal(peripheralID), "fifo": "\(fifoDepth)",
        ]
    }

    var description: [any BoardDevice] { [BoardDescription.SerialPort(.init(registers, spi: spi))] }

    func make(_ parts: inout MachineParts) -> MadeComponent {
        let output = parts.consoleOutput
        let selection = parts.consoleSelection
        let uart = PL011(
            interrupt: parts.spi(spi), output: { if selection.shows(.pl011) { output([$0]) } },
            inputReady: parts.events.consoleReady)
        selection.usesUART { [weak uart] in uart?.isRead ?? false }
        parts.uart = uart
        return MadeComponent(
            devices: [uart], state: uart,
            reset: { [isSetUp] in
                uart.reset()
                if isSetUp { uart.enable() }
            })
    }
}
