import Glibc
import Machine
import Testing

@testable import KeptVMs

/// A store in a directory of its own.
final class TestStore {
    let store: VMStore

    init() throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        store = VMStore(path: String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    deinit {
        // Names made here have no characters that a shell minds.
        _ = system("rm -rf \(store.path)")
    }

    func make(_ name: String = "vm") throws -> VM {
        try store.create(name, VMConfiguration(MachineConfiguration(kernel: "/k"), hibernation: .init()))
    }
}
