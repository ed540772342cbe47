@testable import DormouseCommand

/// What a command line of QEMU's comes to, with a kernel that is named and not there.
enum QEMULine {
    static func machine(_ options: String...) throws -> QEMUMachine { try machine(options) }

    static func machine(_ options: [String], hasKernel: Bool = true) throws -> QEMUMachine {
        try QEMUMachine(QEMUOption.list((hasKernel ? ["-kernel", "I"] : []) + options))
    }

    /// What is wrong with it, in words.
    static func error(_ options: [String], hasKernel: Bool = true) -> String {
        do {
            _ = try machine(options, hasKernel: hasKernel)
            return "nothing is wrong"
        } catch { return "\(error)" }
    }
}
