import Bytes
import FoundationEssentials
import Glibc
import Testing

@testable import QEMUMonitor

@Suite("QMP")
struct QMPSessionTests {
    private let machine = FakeMachine()
    private let monitor: Monitor

    init() {
        monitor = Monitor(FakeMachine.identity) {}
        monitor.attach(machine, isPaused: false)
    }

    /// What a client that says `lines` is answered.
    private func answers(_ lines: String..., negotiated: Bool = true) throws -> [[String: JSONValue]] {
        var session = QMPSession(monitor)
        if negotiated {
            var bytes = Array(#"{"execute":"qmp_capabilities"}"#.utf8)[...]
            _ = session.hear(&bytes)
        }
        var answers: [[String: JSONValue]] = []
        var bytes = Array(lines.joined(separator: "\n").utf8)[...] + [UInt8(ascii: "\n")]
        while let reply = session.hear(&bytes) {
            #expect(reply.bytes.suffix(2) == [13, 10])
            answers.append(try JSONDecoder().decode([String: JSONValue].self, from: Data(reply.bytes)))
            reply.then?()
        }
        return answers
    }

    private func value(_ command: String) throws -> JSONValue? {
        try answers("{\"execute\":\"\(command)\"}").first?["return"]
    }

    private func errorClass(_ line: String, negotiated: Bool = true) throws -> String? {
        guard case .object(let error)? = try answers(line, negotiated: negotiated).first?["error"],
            case .string(let name)? = error["class"], case .string(let words)? = error["desc"]
        else { return nil }
        #expect(!words.isEmpty && !words.contains("\n"))
        return name
    }

    @Test("The greeting has QEMU's version and what this is")
    func greeting() throws {
        let greeting = try JSONDecoder().decode(JSONValue.self, from: Data(QMPSession(monitor).greeting))
        #expect(
            greeting == [
                "QMP": [
                    "version": ["qemu": ["major": 9, "minor": 2, "micro": 0], "package": "Test"], "capabilities": [],
                ]
            ])
    }

    @Test("No command is done before capabilities are agreed on, and that is done once")
    func negotiation() throws {
        #expect(try errorClass(#"{"execute":"stop"}"#, negotiated: false) == "CommandNotFound")
        #expect(machine.calls == [])
        #expect(try errorClass(#"{"execute":"qmp_capabilities"}"#) == "CommandNotFound")
        #expect(
            try answers(#"{"execute":"qmp_capabilities","arguments":{"enable":[]}}"#, negotiated: false)
                == [["return": [:]]])
        #expect(
            try errorClass(
                #"{"execute":"qmp_capabilities","arguments":{"enable":["oob"]}}"#, negotiated: false) == "GenericError")
    }

    @Test("An answer has the id of its command, whatever that is, errors too")
    func id() throws {
        for id in ["1", "\"a\"", "{\"x\":[null,true]}", "1.5"] {
            let expected = try JSONDecoder().decode(JSONValue.self, from: Data(id.utf8))
            #expect(try answers("{\"execute\":\"query-name\",\"id\":\(id)}").first?["id"] == expected)
            #expect(try answers("{\"execute\":\"nonsense\",\"id\":\(id)}").first?["id"] == expected)
            #expect(try answers("{\"execute\":7,\"id\":\(id)}").first?["id"] == expected)
        }
        #expect(try answers(#"{"execute":"query-name"}"#).first?.keys.contains("id") == false)
    }

    @Test(
        "What is no command is an error of its class, and the next command is done",
        arguments: [
            ("{]", "GenericError"), ("[]", "GenericError"), ("hello", "GenericError"), ("{}", "GenericError"),
            (#"{"execute":1}"#, "GenericError"), (#"{"execute":"stop","arguments":[]}"#, "GenericError"),
            (#"{"execute":"stop","arguments":{"x":1}}"#, "GenericError"),
            (#"{"execute":"stop","surplus":1}"#, "GenericError"), (#"{"exec-oob":"stop"}"#, "GenericError"),
            (#"{"execute":"halt"}"#, "CommandNotFound"), (#"{"execute":""}"#, "CommandNotFound"),
            (#"{"execute":"human-monitor-command"}"#, "GenericError"),
            (#"{"execute":"human-monitor-command","arguments":{"command-line":7}}"#, "GenericError"),
            (
                #"{"execute":"human-monitor-command","arguments":{"command-line":"stop","cpu-index":"0"}}"#,
                "GenericError"
            ),
            (
                #"{"execute":"human-monitor-command","arguments":{"command-line":"stop","cpu-index":2}}"#,
                "GenericError"
            ),
            (
                #"{"execute":"human-monitor-command","arguments":{"command-line":"stop","x":2}}"#, "GenericError"
            ),
            (#"{"execute":"query-name","arguments":{"x":{}}}"#, "GenericError"),
        ])
    func wrong(line: String, expected: String) throws {
        #expect(try errorClass(line) == expected)
        #expect(machine.calls == [])
        #expect(try answers(line, #"{"execute":"query-name"}"#).last?["return"] == ["name": "guest"])
    }

    @Test("Every command is listed, has an answer of an object, and refuses arguments that it does not know")
    func commands() throws {
        guard case .array(let list)? = try value("query-commands") else { throw QMPError("no list") }
        let names = list.compactMap {
            if case .object(let entry) = $0, case .string(let name)? = entry["name"] { name } else { nil }
        }
        for name in [
            "qmp_capabilities", "query-version", "query-commands", "query-status", "query-name", "query-uuid",
            "query-cpus-fast", "query-chardev", "query-block", "stop", "cont", "quit", "system_powerdown",
            "system_reset", "system_wakeup", "human-monitor-command", "x-dormouse-hibernate",
            "x-dormouse-query-hibernation", "dump-guest-memory", "query-dump", "query-dump-guest-memory-capability",
        ] { #expect(names.contains(name), "\(name)") }
        #expect(Set(names).count == names.count)
        for name in names {
            #expect(try errorClass("{\"execute\":\"\(name)\",\"arguments\":{\"x\":1}}") != nil, "\(name)")
        }
    }

    @Test("Queries say what the machine says")
    func queries() throws {
        #expect(try value("query-status") == ["status": "running", "running": true])
        machine.set(.suspended)
        #expect(try value("query-status") == ["status": "suspended", "running": false])
        #expect(try value("query-uuid") == ["UUID": "00000000-0000-0000-0000-000000000001"])
        guard case .array(let cpus)? = try value("query-cpus-fast"), case .object(let second) = cpus[1] else {
            throw QMPError("no CPUs")
        }
        #expect(second["thread-id"] == 8 && second["cpu-index"] == 1 && second["target"] == "aarch64")
        guard case .array(let disks)? = try value("query-block"), case .object(let disk) = disks[0],
            case .object(let inserted)? = disk["inserted"], case .object(let image)? = inserted["image"]
        else { throw QMPError("no disks") }
        #expect(disk["device"] == "virtio0" && inserted["ro"] == true && inserted["drv"] == "raw")
        #expect(image["virtual-size"] == .integer(1 << 40))
        #expect(
            try value("x-dormouse-query-hibernation") == [
                "system-off2": true, "sleep-button": true,
                "image-headers": [["device": "virtio0", "end": 4096]],
            ])
    }

    @Test("A pause and its end are each told once, before the answer")
    func events() throws {
        for _ in 0..<2 { #expect(try value("stop") == [:]) }
        for _ in 0..<2 { #expect(try value("cont") == [:]) }
        #expect(machine.calls == ["pause", "pause", "resume", "resume"])
        #expect(try #require(monitor.takeEvents()).map(name) == ["STOP", "RESUME"])
        #expect(monitor.takeEvents()?.count == 0)
    }

    private func name(_ event: [UInt8]) throws -> JSONValue? {
        try JSONDecoder().decode([String: JSONValue].self, from: Data(event))["event"]
    }

    @Test("Events have the time, and an end says who brought it about")
    func event() throws {
        let message = MonitorEvent.shutdown(.guestShutdown).message(at: 1_700_000_000_123_456_789)
        #expect(
            try JSONDecoder().decode(JSONValue.self, from: Data(message)) == [
                "event": "SHUTDOWN", "data": ["guest": true, "reason": "guest-shutdown"],
                "timestamp": ["seconds": 1_700_000_000, "microseconds": 123456],
            ])
        for cause in MonitorEvent.Cause.allCases {
            #expect(MonitorEvent.reset(cause).data?["guest"] == .boolean(cause.rawValue.hasPrefix("guest")))
        }
    }

    @Test("Buttons that are not there, and a guest that is awake, are errors; POWERDOWN is told of a button that is")
    func buttons() throws {
        #expect(try value("system_powerdown") == [:])
        #expect(try #require(monitor.takeEvents()).map(name) == ["POWERDOWN"])
        machine.set(hasButtons: false)
        #expect(try errorClass(#"{"execute":"system_powerdown"}"#) == "GenericError")
        #expect(try errorClass(#"{"execute":"x-dormouse-hibernate"}"#) == "GenericError")
        #expect(monitor.takeEvents()?.count == 0)
        #expect(try errorClass(#"{"execute":"system_wakeup"}"#) == "GenericError")
        machine.set(.suspended)
        #expect(try value("system_wakeup") == [:])
        machine.set(.shutdown)
        #expect(try errorClass(#"{"execute":"cont"}"#) == "GenericError")
        #expect(machine.calls == ["power", "power", "sleep", "wake"])
    }

    @Test("What ends the run is done once the answer is on its way")
    func quit() throws {
        var session = QMPSession(monitor)
        var bytes = Array(#"{"execute":"qmp_capabilities"}{"execute":"quit"}"#.utf8)[...]
        _ = session.hear(&bytes)
        let answer = session.hear(&bytes)
        let reply = try #require(answer)
        #expect(machine.calls == [])
        reply.then?()
        #expect(machine.calls == ["quit"])
    }

    @Test("Events that nobody takes are not kept without end, and who is told then knows that some are lost")
    func overflow() {
        for _ in 0..<100_000 { monitor.post(.suspend) }
        #expect(monitor.takeEvents() == nil)
        #expect(monitor.takeEvents()?.count == 0)
    }

    @Test("A dump is told of when it is there, whether it is waited for or not, and what cannot be dumped is an error")
    func dump() throws {
        func line(_ arguments: String) -> String { "{\"execute\":\"dump-guest-memory\",\"arguments\":{\(arguments)}}" }
        #expect(try value("query-dump") == ["status": "none", "completed": 0, "total": 0])
        #expect(try value("query-dump-guest-memory-capability") == ["formats": ["elf"]])
        #expect(try answers(line(#""paging":false,"protocol":"file:/core""#)) == [["return": [:]]])
        #expect(try value("query-dump") == ["status": "completed", "completed": 4096, "total": 4096])
        let event = try #require(monitor.takeEvents()?.first)
        let members = try JSONDecoder().decode([String: JSONValue].self, from: Data(event))
        #expect(members["event"] == "DUMP_COMPLETED")
        #expect(members["data"] == ["result": ["status": "completed", "completed": 4096, "total": 4096]])
        #expect(try errorClass(line(#""paging":false,"protocol":"file:/full""#)) == "GenericError")
        #expect(monitor.takeEvents()?.count == 1)
        #expect(try value("query-dump") == ["status": "failed", "completed": 0, "total": 0])
        let calls = machine.calls
        for wrong in [
            #""paging":true,"protocol":"file:/x""#, #""protocol":"file:/x""#, #""paging":false"#,
            #""paging":false,"protocol":"fd:x""#, #""paging":false,"protocol":"file:""#,
            #""paging":false,"protocol":"file:/x","format":"kdump-zlib""#,
            #""paging":false,"protocol":"file:/x","begin":1,"length":2"#, #""paging":0,"protocol":"file:/x""#,
        ] { #expect(try errorClass(line(wrong)) == "GenericError", "\(wrong)") }
        #expect(machine.calls == calls)
        #expect(try answers(line(#""paging":false,"protocol":"file:/later","detach":true"#)) == [["return": [:]]])
        for _ in 0..<1000 where monitor.dumpState == .active { usleep(10_000) }
        #expect(monitor.dumpState == .completed(byteCount: 4096))
        #expect(machine.calls.last == "dump /later")
    }

    @Test("HMP by QMP gives what HMP shows")
    func human() throws {
        let line = #"{"execute":"human-monitor-command","arguments":{"command-line":"info status","cpu-index":1}}"#
        #expect(try answers(line).first?["return"] == "VM status: running\r\n")
    }
}
