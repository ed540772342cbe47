import Glibc
import TestSupport
import Testing

@testable import HostSupport

@Suite("Watching files")
struct FileWatchTests {
    private func append(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        try #require(descriptor >= 0)
        #expect(write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
    }

    @Test("A file that is written to is told of, and once it was, no more")
    func file() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/file"
        try append("one", to: path)
        let watch = try FileWatch()
        #expect(watch.add(.file(path)))
        #expect(!watch.wait(milliseconds: 0))
        try append("two", to: path)
        try append("three", to: path)
        #expect(watch.wait(milliseconds: 600_000))
        #expect(!watch.wait(milliseconds: 0))
    }

    @Test("Names that come and go are told of, and what is in a file of a directory is not")
    func directoryNames() throws {
        let directory = try TemporaryDirectory()
        try append("one", to: "\(directory.path)/file")
        let watch = try FileWatch()
        #expect(watch.add(.directory(directory.path)))
        try append("two", to: "\(directory.path)/file")
        #expect(!watch.wait(milliseconds: 0))
        rename("\(directory.path)/file", "\(directory.path)/other")
        #expect(watch.wait(milliseconds: 600_000))
        unlink("\(directory.path)/other")
        #expect(watch.wait(milliseconds: 600_000))
    }

    @Test("What is not there cannot be watched, and a file is no directory")
    func nothing() throws {
        let directory = try TemporaryDirectory()
        try append("one", to: "\(directory.path)/file")
        let watch = try FileWatch()
        #expect(!watch.add(.file("\(directory.path)/none")))
        #expect(!watch.add(.directory("\(directory.path)/file")))
    }
}
