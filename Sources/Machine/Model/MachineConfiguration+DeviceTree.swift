// The device tree of a machine, for whoever wants to read it.

import Boot

extension MachineConfiguration {
    /// The device tree that the guest is handed, without where an initrd lies and without what is new at every boot.
    public func deviceTree() throws(MachineError) -> [UInt8] {
        let board = model.board(self, chosen: BoardDescription.Chosen(bootArguments: commandLine))
        do throws(DeviceTreeError) { return try DeviceTree(for: board).flattened() } catch {
            throw .bootPlan(.deviceTree(error))
        }
    }
}
