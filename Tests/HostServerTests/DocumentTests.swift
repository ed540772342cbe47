// The OpenAPI document: that it is one, and that it says what is answered.

import Foundation
import TestSupport
import Testing

@testable import HostServer

@Suite("The OpenAPI document")
struct DocumentTests {
    private struct Document: Decodable {
        struct Schema: Decodable {
            var properties: [String: Schema]?
            var `enum`: [String]?
        }
        struct Operation: Decodable {
            struct Body: Decodable {
                struct Content: Decodable { var schema: Schema }
                var content: [String: Content]
            }
            var operationId: String
            var requestBody: Body?
        }
        struct Item: Decodable {
            var get: Operation?
            var post: Operation?
            var patch: Operation?
            var delete: Operation?
            var put: Operation?
        }
        struct Components: Decodable { var schemas: [String: Schema] }
        var openapi: String
        var paths: [String: Item]
        var components: Components
    }

    private func document() throws -> Document {
        try JSONDecoder().decode(Document.self, from: Data(PackageResources.openapi_json))
    }

    @Test("OpenAPI's own validator finds nothing wrong with it", .needs(PythonTools.areThere, PythonTools.whyNot))
    func validity() throws {
        let file = try TemporaryFile(PackageResources.openapi_json)
        let result = try Program.run(
            PythonTools.specValidator, [file.path], environment: PythonTools.environment)
        #expect(result.exitCode == 0, "\(result.output)\(result.error)")
    }

    @Test("It has each route that is answered, and no other")
    func routes() throws {
        var described: Set<String> = []
        for (path, item) in try document().paths {
            for (method, operation) in [
                ("GET", item.get), ("POST", item.post), ("PATCH", item.patch), ("DELETE", item.delete),
                ("PUT", item.put),
            ] where operation != nil { described.insert("\(method) \(path)") }
        }
        #expect(described == Set(Route.all.map { "\($0.method) \($0.path)" }))
    }

    @Test("It has each option of a VM that is made, and each reason of a problem")
    func names() throws {
        let document = try document()
        let create = document.paths["/v1/vms"]?.post?.requestBody?.content["application/json"]?.schema.properties
        #expect(create.map { $0.keys.sorted() } == CreateOptions.keys)
        #expect(
            document.components.schemas["Problem"]?.properties?["reason"]?.enum
                == Problem.Reason.allCases.map(\.rawValue))
    }

    @Test("The server gives it")
    func served() throws {
        let server = try TestServer()
        let reply = try server.expect(200, "GET", "/v1/openapi.json")
        #expect(reply.body == PackageResources.openapi_json)
    }
}
