// Changing components of a list, for tests.

@testable import Machine

extension MachineModel {
    /// The same model with a counter of another frequency, in Hz.
    func with(counterFrequency: UInt64) -> MachineModel {
        MachineModel(
            name: name, isReleased: isReleased, cpu: cpu, counterFrequency: counterFrequency,
            counterGoesOn: counterGoesOn, psci: psci, ramBase: ramBase, maximumCPUCount: maximumCPUCount,
            maximumDiskCount: maximumDiskCount, components: components, flash: flash)
    }

    /// The same model with another list.
    func with(_ change: @escaping @Sendable (inout MachineComponents) -> Void) -> MachineModel {
        let components = components
        return MachineModel(
            name: name, isReleased: isReleased, cpu: cpu, counterFrequency: counterFrequency,
            counterGoesOn: counterGoesOn, psci: psci, ramBase: ramBase, maximumCPUCount: maximumCPUCount,
            maximumDiskCount: maximumDiskCount,
            components: { machine in
                var list = components(machine)
                change(&list)
                return list
            }, flash: flash)
    }
}

extension MachineComponents {
    /// Changes what is behind every virtio slot with a function of a kind.
    mutating func changeFunction<Kind: VirtioFunction>(_ kind: Kind.Type, _ change: (inout Kind) -> Void) {
        self.change(VirtioComponent.self) { slot in
            guard var function = slot.function as? Kind else { return }
            change(&function)
            slot.function = function
        }
    }
}
