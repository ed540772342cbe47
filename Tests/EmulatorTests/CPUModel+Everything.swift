// A CPU model for the tests of instructions, whichever model has them.

import Arm64

extension CPUModel {
    /// dormouse-1 with the features of every row of the table.
    static let everything = CPUModel.dormouse1.with(
        name: "everything", adding: Set(EncodingTable.all.compactMap(\.feature)))
}
