// Programs of PyPI's, as scripts/setup leaves them.

import Foundation
import Testing

/// What checks an OpenAPI document, and a server by it.
enum PythonTools {
    /// Where scripts/setup puts them.
    private static let packages: URL = {
        let environment = ProcessInfo.processInfo.environment
        let caches = environment["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache"
        return URL(filePath: environment["DORMOUSE_CACHE"] ?? caches + "/dormouse").appending(path: "openapi")
    }()

    static let specValidator = packages.appending(path: "bin/openapi-spec-validator")
    static let schemathesis = packages.appending(path: "bin/schemathesis")

    /// The environment in which they find each other.
    static var environment: [String: String] {
        ProcessInfo.processInfo.environment.merging(["PYTHONPATH": packages.path]) { $1 }
    }

    static let areThere = [specValidator, schemathesis].allSatisfy {
        FileManager.default.isExecutableFile(atPath: $0.path)
    }
    static let whyNot: Comment = "openapi-spec-validator and schemathesis are not installed: run scripts/setup"
}
