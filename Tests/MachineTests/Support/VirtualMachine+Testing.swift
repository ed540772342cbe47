// A machine on software CPUs, for tests that do not care what it runs on.

import Emulator

@testable import Machine

extension VirtualMachine {
    convenience init(_ configuration: MachineConfiguration, events: MachineEvents) throws(MachineError) {
        try self.init(configuration, events: events, backend: EmulatorBackend())
    }
}
