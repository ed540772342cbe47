// Policies for the tests: that of a model, but for what a test says.

import Machine
import PSCI

extension Policy {
    static let virt1 = MachineModel.virt1.psci

    static func virt1(
        version: Version? = nil, conduit: Conduit? = nil, without: Capabilities = [], _ settings: String = ""
    ) -> Policy {
        var changes = settings.isEmpty ? PolicyChanges() : (try? PolicyChanges(settings)) ?? PolicyChanges()
        changes.disabled.formUnion(without)
        return Policy(changes, over: virt1, version: version, conduit: conduit)
    }
}
