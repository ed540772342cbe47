// A file that has its name when it is whole.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import HostSupport

@Suite("Draft files")
struct DraftFileTests {
    private static func names(_ directory: TemporaryDirectory) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
    }

    private static func write(_ text: String, to draft: borrowing DraftFile) {
        let descriptor = open(draft.path, O_RDWR)
        #expect(descriptor >= 0 && writeAll(Array(text.utf8), to: descriptor) == nil)
        close(descriptor)
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("Nobody sees it before it has its name, so that nothing is left if its process is killed")
    func nameless() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/disk"
        do {
            let draft = try DraftFile(in: directory.path, access: .ownerOnly)
            Self.write("whole", to: draft)
            // A file system that has no such files gives it a name that nobody knows.
            #expect(try Self.names(directory).isEmpty || !draft.path.hasPrefix("/proc/"))
            try draft.name(path)
        }
        #expect(try Self.names(directory) == ["disk"] && Self.text(path) == "whole")
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test("What is there stays, or is replaced, as is asked for", arguments: [false, true])
    func taken(hasName: Bool) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/disk"
        try Data("first".utf8).write(to: URL(filePath: path))
        do {
            let draft = try DraftFile(in: directory.path, access: .byUmask, hasName: hasName)
            Self.write("second", to: draft)
            if hasName { #expect(try Self.names(directory).count == 2) }
            var failure: DurableFileError?
            do throws(DurableFileError) { try draft.name(path) } catch { failure = error }
            #expect(failure?.errno == EEXIST && Self.text(path) == "first")
            try draft.name(path, replaces: true)
            #expect(Self.text(path) == "second")
        }
        #expect(try Self.names(directory) == ["disk"] && Self.text(path) == "second")
    }

    @Test("One that gets no name goes, and where there is no directory there is none", arguments: [false, true])
    func dropped(hasName: Bool) throws {
        let directory = try TemporaryDirectory()
        do {
            let draft = try DraftFile(in: directory.path, access: .byUmask, hasName: hasName)
            Self.write("half", to: draft)
        }
        #expect(try Self.names(directory) == [])
        var failure: DurableFileError?
        do throws(DurableFileError) {
            _ = try DraftFile(in: "\(directory.path)/none", access: .byUmask, hasName: hasName)
        } catch { failure = error }
        #expect(failure?.errno == ENOENT)
    }
}
