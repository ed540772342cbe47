// The state of a machine's firmware: what it remembers. What cores are doing is theirs (`Core+State`).

import Hypervisor
import PSCI
import Synchronization

extension PowerController: StatefulDevice {
    private static let kind = DeviceState.Kind("psci", version: 1)

    func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, state.withLock(\.fields))
    }

    func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let fields = try saved.fields(FirmwareStateFields.self, of: Self.kind)
        do throws(ImpossibleFirmwareState) {
            let restored = try state.withLock(\.self).with(fields)
            state.withLock { $0 = restored }
        } catch { throw .impossible(error.field) }
    }
}
