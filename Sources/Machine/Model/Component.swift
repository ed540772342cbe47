// The parts of a machine that its guest can see, as one list.
//
// Everything that a guest finds follows from this list and from the CPU: what is on the bus and in which order it is
// reset, the device tree, ACPI's tables, and the facts that the record of a hibernation keeps. A component is a value:
// what it is, and where. To add one is a file in Components, an entry in a model's list, and an option to ask for it
// by.

import Boot
import Devices
import Hypervisor

/// A part of a machine.
protocol Component: Sendable {
    /// Where its facts begin: `uart`, `virtio.3`.
    var name: String { get }

    /// Its registers, which nothing else has. One window for each device of `MadeComponent`.
    var windows: [Range<PhysicalAddress>] { get }

    /// Memory of its own that a guest reads and does not write: whole pages, which nothing else has. A window of the
    /// same range takes what is written to it.
    var rom: [Range<PhysicalAddress>] { get }

    /// Its wires to the interrupt controller, which nothing else has: SPIs.
    var spis: [Int] { get }

    /// What a guest could tell of it, by path below `name`. docs/hibernation.md lists the paths.
    func facts(_ files: MeasuredFiles) -> [String: String]

    /// What firmware says of it.
    var description: [any BoardDevice] { get }

    /// Makes it, from `parts` and for the machine that they are of.
    func make(_ parts: inout MachineParts) throws(MachineError) -> MadeComponent
}

extension Component {
    var rom: [Range<PhysicalAddress>] { [] }
    var spis: [Int] { [] }
    var description: [any BoardDevice] { [] }
}

/// A component that was made.
struct MadeComponent: Sendable {
    /// What answers in each of its windows.
    var devices: [any MMIODevice] = []
    /// What of it is saved and restored, and quiesced before RAM is emptied; nil for what knows nothing of a guest.
    var state: (any StatefulDevice & Sendable)?
    /// Told that the run is to end, so that it leaves long work undone; and (false) that another one begins. Callable
    /// from any thread.
    var setEnding: @Sendable (Bool) -> Void = { _ in }
    /// Power-on state. Called in the order of the list, once RAM is empty.
    var reset: @Sendable () -> Void = {}
}

/// All of a machine's components. The interrupt controller comes first: it is what the others interrupt.
struct MachineComponents: Sendable {
    var interruptController: InterruptControllerComponent
    var timers: TimerComponent
    var processors = ProcessorDescription()
    /// In the order in which they are described, and reset.
    var devices: [any Component]

    var all: [any Component] { [interruptController, timers] + devices }

    /// What a guest could tell of them.
    func facts(_ files: MeasuredFiles) -> [String: String] {
        var facts: [String: String] = [:]
        for component in all {
            for (path, value) in component.facts(files) { facts[component.name + "." + path] = value }
        }
        return facts
    }
}

extension MachineComponents {
    /// Changes every device of a kind: what a model has that is like another one but for something.
    mutating func change<Kind: Component>(_ kind: Kind.Type, _ change: (inout Kind) -> Void) {
        for index in devices.indices {
            guard var device = devices[index] as? Kind else { continue }
            change(&device)
            devices[index] = device
        }
    }
}

/// What a window of registers and an SPI are to firmware.
extension BoardDescription.Device {
    init(_ registers: Range<PhysicalAddress>, spi: Int) {
        self.init(registers: registers, interrupt: .spi(UInt32(spi)))
    }
}
