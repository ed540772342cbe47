import Testing

@testable import QEMUMonitor

@Suite("HMP")
struct HMPSessionTests {
    private let machine = FakeMachine()
    private let monitor: Monitor

    init() {
        monitor = Monitor(FakeMachine.identity) {}
        monitor.attach(machine, isPaused: false)
    }

    private func shown(_ typed: String) -> String {
        var session = HMPSession(monitor)
        var text = ""
        var bytes = Array(typed.utf8)[...]
        while let reply = session.hear(&bytes) {
            text += String(decoding: reply.bytes, as: UTF8.self)
            reply.then?()
        }
        return text
    }

    @Test("There is a prompt behind the greeting, and behind each line, however it ends")
    func prompt() {
        #expect(String(decoding: HMPSession(monitor).greeting, as: UTF8.self).hasSuffix("\r\n(qemu) "))
        #expect(shown("\n\r\n\r") == "(qemu) (qemu) (qemu) ")
        #expect(shown("info stat") == "")
        #expect(shown("  info   status\r\n") == "VM status: running\r\n(qemu) ")
    }

    @Test("Commands do what their names say, and have QEMU's short names")
    func commands() {
        #expect(shown("stop\nc\ns\ncont\nsystem_reset\nsystem_powerdown\nq\n").allSatisfy { "(qemu) ".contains($0) })
        #expect(machine.calls == ["pause", "resume", "pause", "resume", "reset", "power", "quit"])
        machine.set(.paused)
        #expect(shown("info status\n") == "VM status: paused\r\n(qemu) ")
        machine.set(.suspended)
        #expect(shown("info status\n") == "VM status: paused (suspended)\r\n(qemu) ")
        #expect(shown("info name\ninfo uuid\n") == "guest\r\n(qemu) 00000000-0000-0000-0000-000000000001\r\n(qemu) ")
        #expect(shown("info cpus\n").hasPrefix("* CPU #0: thread_id=7\r\n"))
        let help = shown("help\n")
        for command in HMPCommand.all { #expect(help.contains(command.help)) }
        #expect(shown("help stop\n") == "stop|s -- pause the guest\r\n(qemu) ")
    }

    @Test("What is no command is said, and nothing is done")
    func wrong() {
        #expect(shown("halt\n") == "unknown command: 'halt'\r\n(qemu) ")
        #expect(shown("info\n").hasPrefix("Error: "))
        #expect(shown("info fire\n").hasPrefix("Error: "))
        #expect(shown("system_wakeup\n").hasPrefix("Error: "))
        machine.set(hasButtons: false)
        #expect(shown("system_powerdown\n").hasPrefix("Error: "))
        #expect(
            shown(String(repeating: "quit ", count: 1 << 20) + "\nhelp c\n").hasPrefix("Error: the line is too long"))
        #expect(machine.calls == ["power"])
    }

    @Test("Random lines have an answer each")
    func random() {
        let words = ["stop", "info", "status", "help", "?", "\u{0}", "é", "\u{1b}[A", "-1", "'", "q", " ", "\t"]
        for _ in 0..<500 {
            let line = (0..<Int.random(in: 0..<6)).map { _ in words.randomElement()! }.joined(separator: " ")
            #expect(shown(line + "\n").hasSuffix("(qemu) "))
        }
    }
}
