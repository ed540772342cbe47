import FoundationEssentials
import Testing

/// ARCHITECTURE.md: each folder of `Machine` knows only those before it.
@Suite("The folders of Machine")
struct FolderOrderTests {
    private static let order = ["Host", "Laboratory", "Events", "Model", "Cores", "Power", "Run"]
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/Machine")

    private struct Source {
        var name: String
        var folder: Int
        var text: String
    }

    private static func read() throws -> [Source] {
        try FileManager.default.subpathsOfDirectory(atPath: sources.path()).filter { $0.hasSuffix(".swift") }.map {
            path in
            let folder = try #require(
                order.firstIndex(of: String(path.prefix { $0 != "/" })), "\(path) is in no folder of the order")
            let text = String(decoding: try Data(contentsOf: sources.appending(path: path)), as: UTF8.self)
            return Source(name: path, folder: folder, text: text.replacing(#/\/\/[^\n]*/#, with: ""))
        }
    }

    @Test("A file names no type of a folder behind its own")
    func order() throws {
        let files = try Self.read()
        var homes: [Substring: Int] = [:]
        let declaration = #/(?m)^(?:public |final |@unchecked )*(?:class|struct|enum|protocol) (\w+)/#
        for file in files {
            for match in file.text.matches(of: declaration) { homes[match.output.1] = file.folder }
        }
        try #require(homes.count > 50)
        for file in files {
            for match in file.text.matches(of: #/\b[A-Z]\w+/#) {
                guard let home = homes[match.output] else { continue }
                #expect(home <= file.folder, "\(file.name) names \(match.output) of \(Self.order[home])")
            }
        }
    }
}
