import Glibc
import TestSupport
import Testing

@testable import HostSupport

@Suite("Telling a service manager")
struct ServiceManagerTests {
    @Test(
        "A message arrives whole at a path and at an abstract name, a name and a value on each line",
        arguments: [false, true])
    func tells(isAbstract: Bool) throws {
        let socket = try NotificationSocket(isAbstract: isAbstract)
        let manager = try #require(
            try ServiceManager(socket: socket.name, watchdog: nil, watchdogProcess: nil, process: 1))
        try manager.tell([("READY", "1"), ("STATUS", "a line\nand what could be another assignment")])
        #expect(socket.receive() == "READY=1\nSTATUS=a line and what could be another assignment")
        try manager.tell([("STOPPING", "1")])
        #expect(socket.receive() == "STOPPING=1")
    }

    @Test("Nobody is told where the environment names nobody")
    func nobody() throws {
        #expect(try ServiceManager(socket: nil, watchdog: "5", watchdogProcess: nil, process: 1) == nil)
        #expect(try ServiceManager(socket: "", watchdog: nil, watchdogProcess: nil, process: 1) == nil)
    }

    @Test(
        "An address that is none is said",
        arguments: [
            ("run/notify", "run/notify"), ("vsock:2:1234", "vsock:2:1234"), ("/", "/"), ("@", "@"),
            ("/" + String(repeating: "n", count: 107), "too long"),
        ])
    func wrong(socket: String, words: String) {
        let error = #expect(throws: ServiceManager.Failure.self) {
            try ServiceManager(socket: socket, watchdog: nil, watchdogProcess: nil, process: 1)
        }
        #expect(error?.description.contains(words) == true, "\(error as Any)")
    }

    @Test(
        "A time of the watchdog's that is none is said, and everything else is told",
        arguments: ["", "-1", "0", "soon", "99999999999999999999"])
    func wrongTime(watchdog: String) throws {
        let socket = try NotificationSocket(isAbstract: true)
        let manager = try #require(
            try ServiceManager(socket: socket.name, watchdog: watchdog, watchdogProcess: nil, process: 1))
        #expect(manager.watchdogInterval == nil)
        #expect(manager.watchdogFailure?.description.contains("WATCHDOG_USEC is \"\(watchdog)\"") == true)
        try manager.tell([("READY", "1")])
        #expect(socket.receive() == "READY=1")
    }

    @Test("The longest name that a socket can have is taken")
    func longest() throws {
        let name = "/" + String(repeating: "n", count: 106)
        #expect(try ServiceManager(socket: name, watchdog: nil, watchdogProcess: nil, process: 1) != nil)
    }

    @Test("The watchdog is told twice in its time, and only by the process that it is for")
    func watchdog() throws {
        func interval(_ watchdog: String?, process: String?) throws -> Duration? {
            try ServiceManager(socket: "@n", watchdog: watchdog, watchdogProcess: process, process: 7)?.watchdogInterval
        }
        #expect(try interval("30000000", process: "7") == .seconds(15))
        #expect(try interval("30000000", process: nil) == .seconds(15))
        #expect(try interval("30000000", process: "8") == nil)
        #expect(try interval(nil, process: "7") == nil)
        // Not a loop that does nothing else.
        #expect(try interval("1", process: "7") == .milliseconds(10))
        #expect(try interval(String(Int64.max), process: "7") != nil)
    }

    @Test("A manager that is not there, or does not listen, is an error with its name")
    func gone() throws {
        let name = try NotificationSocket(isAbstract: true).name
        let manager = try #require(
            try ServiceManager(socket: name, watchdog: nil, watchdogProcess: nil, process: 1))
        let error = #expect(throws: ServiceManager.Failure.self) { try manager.tell([("READY", "1")]) }
        #expect(error?.description.contains(name) == true && error?.description.contains("refused") == true)
    }
}
