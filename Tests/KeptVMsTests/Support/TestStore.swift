import Machine
import TestSupport

@testable import KeptVMs

/// A store in a directory of its own.
final class TestStore {
    let store: VMStore
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        store = VMStore(path: directory.path)
    }

    func make(_ name: String = "vm") throws -> VM {
        try store.create(name, VMConfiguration(MachineConfiguration(kernel: "/k"), hibernation: .init()))
    }
}
