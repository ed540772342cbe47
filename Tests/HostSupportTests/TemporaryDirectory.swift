// A directory for a test's files.

import Glibc
import Testing

/// Made empty, and removed with all that is in it when nobody has it any more.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit { _ = system("rm -rf \(path)") }
}
