// CPU models for the tests of instructions, whichever model has them.

import Arm64

extension CPUModel {
    /// dormouse-1 with the features of every row of the table, and of every model.
    static let everything = CPUModel.dormouse1.with(
        name: "everything",
        adding: CPUModel.all.reduce(into: Set(EncodingTable.all.compactMap(\.feature))) { $0.formUnion($1.features) })

    /// The same without what `QemuProcess.cpuModel` lacks: what is compared with it.
    static let oracle = everything.with(name: "oracle", removing: [.flagM, .sb, .lrcpc2])

    /// The rows of the table that the model has.
    var rows: [Encoding] { EncodingTable.all.filter { $0.feature.map(features.contains) ?? true } }
}
