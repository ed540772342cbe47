// What a machine asks of the back end that it is to run on.

import Hypervisor

extension MachineConfiguration {
    /// What a back end must be able to do.
    var neededCapabilities: BackendCapabilities {
        // Every model so far promises that there is no EL2 or EL3 to take the other conduit's call.
        var needed: BackendCapabilities = .undefinedCalls
        if clock == .instructions { needed.formUnion([.instructionClock, .budget]) }
        if semihosting != nil { needed.formUnion([.semihosting, .debugging]) }
        return needed
    }

    /// Throws if `backend` cannot run the machine.
    func check(_ backend: any HypervisorBackend) throws(MachineError) {
        let lacking = neededCapabilities.subtracting(backend.capabilities)
        guard lacking.isEmpty else { throw .backend(.cannot(lacking, backend: backend.name)) }
        if let frequency = backend.counterFrequency, frequency != model.counterFrequency {
            throw .backend(
                .counterFrequency(frequency, promised: model.counterFrequency, backend: backend.name))
        }
    }
}
