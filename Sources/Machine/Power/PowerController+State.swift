// The state of a machine's firmware: what it remembers, and the cores that it was asked to start and that do not run yet.

import Hypervisor
import PSCI
import Synchronization

extension PowerController: StatefulDevice {
    private static let kind = DeviceState.Kind("psci", version: 1)

    private struct Fields: Codable {
        var firmware: FirmwareStateFields
        /// By core.
        var starts: [CoreStart?]
    }

    func save() throws(DeviceStateError) -> DeviceState {
        let (firmware, starts) = shared.withLock { ($0.firmware, $0.starts) }
        return try DeviceState(Self.kind, Fields(firmware: firmware.fields, starts: starts))
    }

    /// Cores that are to start are told, if they wait for that.
    func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let fields = try saved.fields(Fields.self, of: Self.kind)
        let starts = fields.starts
        try DeviceStateError.check(starts.count == topology.coreCount, "starts")
        let current = shared.withLock(\.firmware)
        let firmware: FirmwareState
        do throws(ImpossibleFirmwareState) {
            firmware = try current.with(fields.firmware)
        } catch { throw .impossible("firmware." + error.field) }
        for (core, start) in starts.enumerated() {
            guard let start else { continue }
            let isPossible = firmware.state(ofCore: core) == .onPending && ram.contains(start.entry)
            try DeviceStateError.check(isPossible, "starts[\(core)]")
        }
        shared.withLock { shared in
            shared.firmware = firmware
            shared.starts = starts
        }
        for core in starts.indices where starts[core] != nil { wake(core) }
    }
}
