// The server, by its own document: requests that PyPI's schemathesis makes of it, right ones and wrong ones. No answer
// may be one that the document has not, and none a failure of the server.

import Foundation
import TestSupport
import Testing

@Suite(
    "Requests that schemathesis makes", .needs(PythonTools.areThere, PythonTools.whyNot),
    .needs(Guest.areBuilt, Guest.whyNot))
struct SchemathesisTests {
    /// Requests for each of the operations, of which there are some twenty.
    private static let examples = Nightly.isOn ? 600 : 5

    @Test("Each answer is as the document says, and none is a failure of the server")
    func conformance() throws {
        let network = NetworkTests()
        var token = ""
        let server = try TestServer { directory in
            let (options, made) = try network.tokenOptions(in: directory)
            token = made
            return options
        }
        // Guests that end at once, so that nothing has to be waited for.
        for name in ["0", "a", "vm"] { try server.make(name, .systemOff2) }
        let configuration = (0..<1).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
            .appending(path: "schemathesis.toml")
        let address = "https://localhost:\(try #require(server.port))"
        let result = try Program.run(
            PythonTools.schemathesis,
            [
                "--config-file", configuration.path, "run", "\(address)/v1/openapi.json",
                "--tls-verify", "\(server.directory)/server.pem", "--header", "Authorization: Bearer \(token)",
                "--max-examples", "\(Self.examples)", "--phases", "examples,coverage,fuzzing", "--no-color",
                "--generation-database", "none",
            ], environment: PythonTools.environment, directory: server.directory)
        #expect(result.exitCode == 0, "\(result.output.suffix(8000))\(result.error)")
        // A bound that grows with the document, so that a run that tests nothing is none.
        let count = result.output.firstMatch(of: /(\d+) generated/).flatMap { Int($0.1) } ?? 0
        #expect(count >= (Self.examples > 100 ? 10_000 : 300), "\(count) requests")
        try server.expect(200, "GET", "/v1/vms")
    }
}
