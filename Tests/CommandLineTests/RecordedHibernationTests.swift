import FoundationEssentials
import Hibernation
import Machine
import TestSupport
import Testing

@Suite("Hibernations that were recorded when their model was released")
struct RecordedHibernationTests {
    /// What each guest printed when it hibernated.
    private static let checksums = ["virt-1": "0xaa5e187b8672deaa", "virt-2": "0xf32552bc85270880"]

    @Test(
        "The guest finds the machine that it left, and its memory",
        arguments: MachineModel.all.filter(\.isReleased).map(\.name))
    func resumes(model: String) async throws {
        let fixture = String(#filePath.dropLast("RecordedHibernationTests.swift".count)) + "Fixtures/\(model)"
        let directory = try TemporaryDirectory()
        let store = "\(directory.path)/store"
        try FileManager.default.createDirectory(atPath: "\(store)/vm", withIntermediateDirectories: true)
        for name in ["kernel.bin", "disk.img"] {
            try FileManager.default.copyItem(atPath: "\(fixture)/\(name)", toPath: "\(directory.path)/\(name)")
        }
        for name in ["vm.toml", "state.json"] {
            let text = String(decoding: try Data(contentsOf: URL(filePath: "\(fixture)/\(name)")), as: UTF8.self)
            try Data(text.replacing("@DIRECTORY@", with: directory.path).utf8)
                .write(to: URL(filePath: "\(store)/vm/\(name)"))
        }
        let result = try await Command.run(["start", "vm", "--store", store])
        #expect(result.exitCode == 0, "\(result.error)")
        #expect(result.output.contains("memory is as it was"))
        let checksum = try #require(Self.checksums[model])
        #expect(result.output.contains("# resumed, checksum \(checksum)"))
        #expect(!result.output.contains("not ok"), "\(result.output)")
    }
}
