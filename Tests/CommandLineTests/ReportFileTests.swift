import FoundationEssentials
import Glibc
import HostSupport
import Machine
import TestSupport
import Testing

@testable import DormouseCommand

@Suite("The report's file")
struct ReportFileTests {
    /// A report of nothing in particular.
    private var report: RunReport {
        get throws {
            try JSONDecoder().decode(RunReport.self, from: Data(Self.minimalReport.utf8))
        }
    }

    /// Every key that docs/cli.md promises to be always there.
    private static let minimalReport = """
        {
          "schemaVersion": 1, "dormouse": "0", "boots": 1, "wallSeconds": 1.5, "cpuSeconds": 1, "guestInstructions": 7,
          "mips": 1, "end": {"kind": "powered-off", "exitCode": 0, "words": "powered off"},
          "psci": {"version": "1.3", "conduit": "hvc", "callCount": 0, "refusedSystemOff2": false,
            "functions": [], "powerStateFormat": "original", "idleStates": [], "trustedOS": "none",
            "coresPerCluster": 1},
          "panics": {},
          "disks": [{"path": "a", "reads": 1, "writes": 2, "flushes": 3, "failures": 0}],
          "hibernationImages": [{"path": "a", "found": false}],
          "memory": {"residentBytes": 1, "peakBytes": 1, "guestTouchedBytes": 1, "codeCacheBytes": 1},
          "configuration": {"model": "virt-1", "cpus": 1, "memoryBytes": 1, "kernel": "a/b", "kernelFormat": "auto", "append": "", "disks": [],
            "networks": [], "firmware": "dt", "clock": "host", "console": "pl011"}
        }
        """

    @Test("A report replaces an older one whole, and leaves no temporary file")
    func replacement() throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        let directory = String(cString: try #require(mkdtemp(&template)))
        let path = directory + "/report.json"
        defer {
            unlink(path)
            rmdir(directory)
        }
        try ReportFile(path: path).write(try report)
        try ReportFile(path: path).write(try report)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["report.json"])
        let data = try #require(FileManager.default.contents(atPath: path))
        #expect(try JSONDecoder().decode(RunReport.self, from: data).guestInstructions == 7)
        let text = String(decoding: data, as: UTF8.self)
        #expect(text.hasSuffix("}\n"))
        // Sorted, so that two reports can be compared as text.
        let keys = ["\"boots\"", "\"configuration\"", "\"end\"", "\"wallSeconds\""].map {
            text.firstRange(of: $0)?.lowerBound
        }
        #expect(keys.allSatisfy { $0 != nil })
        #expect(keys.compactMap(\.self) == keys.compactMap(\.self).sorted())
    }

    @Test("No link that lies ready in a shared directory is followed")
    func links() throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        let directory = String(cString: try #require(mkdtemp(&template)))
        defer { _ = system("rm -rf \(directory)") }
        let victim = "\(directory)/victim"
        try DurableFile.write([7], to: victim)
        for name in ["report.json", "report.json.\(getpid()).tmp"] { symlink(victim, "\(directory)/\(name)") }
        try ReportFile(path: "\(directory)/report.json").write(try report)
        #expect(FileManager.default.contents(atPath: victim) == Data([7]))
        var status = stat()
        #expect(lstat("\(directory)/report.json", &status) == 0 && status.st_mode & S_IFMT == S_IFREG)
    }

    @Test("An older report is gone as soon as a run begins: it tells of another run")
    func staleReport() throws {
        let file = try TemporaryFile([1])
        _ = try ReportFile(path: file.path)
        #expect(access(file.path, F_OK) != 0)
    }

    @Test(
        "A path that cannot be written to is refused before the run",
        arguments: ["/nonexistent/a", "/tmp", "", "/dev/fd/99999999", "/dev/fd/x/y"])
    func unwritable(path: String) {
        #expect(throws: ReportFileError.self) { try ReportFile(path: path) }
    }

    @Test("What is no regular file is written to, and stays")
    func device() throws {
        try ReportFile(path: "/dev/null").write(try report)
        var status = stat()
        #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    }

    @Test("A symbolic link in the report's place is replaced, and what it leads to stays, be it a file or a pipe")
    func symbolicLinks() throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        let directory = String(cString: try #require(mkdtemp(&template)))
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/report.json"
        let victim = try TemporaryFile([1, 2, 3])
        let pipe = directory + "/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        let reader = open(pipe, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        for target in [victim.path, pipe, "/dev/null"] {
            unlink(path)
            try #require(symlink(target, path) == 0)
            // What an earlier version wrote to first.
            unlink("\(path).\(getpid()).tmp")
            try #require(symlink(victim.path, "\(path).\(getpid()).tmp") == 0)
            try ReportFile(path: path).write(try report)
            var status = stat()
            #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG, "\(target)")
        }
        #expect(FileManager.default.contents(atPath: victim.path) == Data([1, 2, 3]))
        var byte: UInt8 = 0
        #expect(read(reader, &byte, 1) <= 0)
    }

    @Test("A pipe gets the report if somebody reads it, and is not waited for if nobody does")
    func pipe() throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        let directory = String(cString: try #require(mkdtemp(&template)))
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        let file = try ReportFile(path: path)
        #expect(throws: ReportFileError.self) { try file.write(try report) }
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        try file.write(try report)
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(reader, &bytes, bytes.count)
        let data = Data(bytes.prefix(max(0, count)))
        #expect(try JSONDecoder().decode(RunReport.self, from: data).guestInstructions == 7)
    }
}
