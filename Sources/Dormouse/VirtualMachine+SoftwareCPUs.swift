// The back end of a machine for which nobody names another.

import Emulator
import Machine

extension VirtualMachine {
    /// Makes a machine on software CPUs, which run every model on every host, and opens its disks. Nothing runs yet.
    public convenience init(_ configuration: MachineConfiguration, events: MachineEvents) throws(MachineError) {
        try self.init(configuration, events: events, backend: EmulatorBackend())
    }
}
