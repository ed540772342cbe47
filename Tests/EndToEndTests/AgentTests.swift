// A kept VM whose guest has an agent. QEMU's own is in CloudInitTests, at night; here a shell in the small guest says what
// that would.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("A guest's agent", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct AgentTests {
        /// Answers what it is asked by lines of JSON, and counts pings as long as it lives.
        private static let agent = #"""
            agent() { count=0; while read -r line; do case $line in \
            *sync*) id=${line#*'"id":'}; printf '\377{"return": %d}\n' "${id%%[!0-9]*}";; \
            *ping*) count=$((count + 1)); echo "{\"return\": {\"count\": $count}}";; \
            *shutdown*) poweroff -f;; \
            *disk*) echo disk >/sys/power/state;; \
            *) echo '{"error": {"class": "GenericError", "desc": "there is no such command here"}}';; \
            esac; done; }
            """#

        private func ask(_ vm: KeptVM, _ verb: String, _ arguments: String...) throws -> (
            code: Int32, output: String, messages: String
        ) {
            let (code, output, messages) = try Command.run(Dormouse.executable, [verb, "vm"] + vm.store + arguments)
            return (code, String(decoding: output, as: UTF8.self), messages)
        }

        /// Starts the VM, and returns its console.
        private func start(_ vm: KeptVM, _ name: String) throws -> DormouseRun {
            let started = try ask(vm, "start", "--detach", "--wait-for", "dormouse: shell", "--timeout", "600")
            try #require(started.code == 0, "\(started.messages)")
            let console = try DormouseRun(
                ["console", "vm"] + vm.store, files: vm.scratch.file(name), input: .pipe, reports: false)
            try console.waitForConsole("dormouse: shell")
            return console
        }

        @Test("A start that waits for the agent returns when somebody in the guest answers, and not before")
        func wait() throws {
            let vm = try KeptVM(
                try Scratch("agent-wait"), GuestMachine(.systemOff2, test: "shell"), firmware: "dt",
                options: ["--model", "virt-2", "--agent"])
            let start = try DormouseRun(
                ["start", "vm", "--detach", "--wait-for-agent", "--timeout", "600"] + vm.store,
                files: vm.scratch.file("start"), input: .none, reports: false)
            try start.waitForMessage("VM vm: booted; process ")
            let console = try DormouseRun(
                ["console", "vm"] + vm.store, files: vm.scratch.file("console"), input: .pipe, reports: false)
            try console.waitForConsole("dormouse: shell")
            // The guest is up, and has the port; nobody in it has opened that.
            #expect(try ask(vm, "agent", "guest-ping", "--timeout", "3").code == 53)
            #expect(start.isRunning)
            for line in Self.agent.split(separator: "\n") { try console.send("\(line)\n") }
            try console.send("port=$(echo /dev/vport*p1); agent <>$port >&0 &\n")
            let end = try start.waitForEnd()
            #expect(end.exitCode == 0, "\(start.messages)")
            #expect(start.messages.split(separator: "\n").count == 1, "\(start.messages)")
            let answer = try ask(vm, "agent", "guest-ping", "--timeout", "120")
            #expect(answer.code == 0 && answer.output.contains("\"count\" : 1"), "\(answer)")
            #expect(try ask(vm, "stop", "--by", "agent", "--timeout", "120").code == 0)
        }

        @Test(
            "A guest without buttons hibernates and powers off as its agent is asked, which is there when it is resumed"
        )
        func life() throws {
            let vm = try KeptVM(
                try Scratch("agent"), GuestMachine(.systemOff2, test: "shell"), firmware: "dt",
                options: ["--model", "virt-2", "--agent"])
            let first = try start(vm, "1-boot")
            // Nobody has the port open yet, and nobody waits for that without end.
            let silent = try ask(vm, "agent", "guest-ping", "--timeout", "1")
            #expect(silent.code == 53 && silent.messages.contains("qemu-guest-agent"), "\(silent.messages)")
            for line in Self.agent.split(separator: "\n") { try first.send("\(line)\n") }
            try first.send("mkswap /dev/vda >/dev/null; swapon /dev/vda; cat /sys/class/virtio-ports/*/name\n")
            try first.waitForConsole("org.qemu.guest_agent.0")
            try first.send("port=$(echo /dev/vport*p1); agent <>$port >&0 &\n")
            let answer = try ask(vm, "agent", "guest-ping", "--timeout", "120")
            #expect(answer.code == 0 && answer.output.contains("\"count\" : 1"), "\(answer)")
            let refused = try ask(vm, "agent", "guest-get-time", "--timeout", "120")
            #expect(refused.code == ExitCode.usage && refused.messages.contains("no such command here"), "\(refused)")
            #expect(try ask(vm, "hibernate", "--by", "button").code == 53)
            let hibernated = try ask(vm, "hibernate", "--timeout", "300")
            #expect(hibernated.code == 0 && hibernated.messages.contains("VM vm: hibernated"), "\(hibernated.messages)")
            #expect(try ask(vm, "agent", "guest-ping").code == ExitCode.usage)

            let second = try start(vm, "2-resume")
            try second.send("cat /sys/block/vda/dev >/sys/power/resume\n")
            // The same process, with what it counted.
            let resumed = try ask(vm, "agent", "guest-ping", "--timeout", "120")
            #expect(resumed.code == 0 && resumed.output.contains("\"count\" : 2"), "\(resumed)")
            let stopped = try ask(vm, "stop", "--by", "agent", "--timeout", "120")
            #expect(stopped.code == 0 && stopped.messages.contains("powered off"), "\(stopped.messages)")
        }
    }
}
