// Guests that reach a server on the host, before and after a hibernation.

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Networks", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct NetworkTests {
        private static let hasServer = HostProgram.isThere("python3")
        private static let hasPasst = HostProgram.isThere("passt")
        private static let noServer: Comment = "python3 is not installed: run scripts/setup"
        private static let noPasst: Comment = "passt is not installed: run scripts/setup"
        /// Of one core of the host, for a guest that idles with a network.
        private static let idleLimit = 0.03

        @Test(
            "A guest gets an address through passt and reaches the host's loopback, and so it does after a hibernation",
            .needs(hasServer, noServer), .needs(hasPasst, noPasst))
        func user() throws {
            let scratch = try Scratch("network-user")
            let server = try FileServer(address: "127.0.0.1", scratch: scratch)
            var machine = GuestMachine(.systemOff2, test: "network")
            machine.disks = [try scratch.makeDisk()]
            machine.append.append("dormouse.url=\(server.url(host: "10.0.2.2"))")
            machine.options = ["--net", "user"]
            try expectFetches(
                machine, scratch, server, network: "network, 52:54:00:00:00:1d, 10.0.2.15/24")
        }

        @Test(
            "A port of the host's loopback leads into the guest; while it does, no other machine can have it",
            .needs(hasPasst, noPasst))
        func forwards() throws {
            let scratch = try Scratch("network-forwards")
            let port = try HostPort.free()
            var machine = GuestMachine(.systemOff2, test: "shell")
            machine.options = ["--net", "user,forward=tcp:\(port):22"]
            let run = try scratch.start(machine, "1-boot", input: .pipe)
            try run.waitForConsole("dormouse: shell")
            try run.send(
                "ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; echo listen'-'ing; "
                    + "(while :; do echo hello from inside | nc -l -p 22; done) &\n"
            )
            try run.waitForConsole("listen-ing")
            let text = try HostPort.read(port, until: "hello from inside")
            #expect(text.contains("hello from inside"))

            let second = try scratch.run(machine, "2-taken")
            #expect(second.exitCode == ExitCode.usage)
            #expect(second.words.contains("the port \(port) (tcp) of 127.0.0.1 is taken on this host"))
            try run.send("exit\n")
            #expect(try run.waitForEnd().exitCode == ExitCode.poweredOff)
            #expect(throws: Never.self) { try HostPort.expectFree(port) }
        }

        @Test(
            "A guest reaches the host's side of a TAP device, and so it does after a hibernation",
            .needs(hasServer, noServer), .needs(NetworkNamespace.canBeMade, NetworkNamespace.whyNot))
        func tap() throws {
            let scratch = try Scratch("network-tap")
            let namespace = try NetworkNamespace()
            let server = try FileServer(
                address: NetworkNamespace.address, launcher: namespace.launcher, scratch: scratch)
            var machine = GuestMachine(.systemOff2, test: "network")
            machine.launcher = namespace.launcher
            machine.disks = [try scratch.makeDisk()]
            machine.append += [
                "dormouse.url=\(server.url(host: NetworkNamespace.address))",
                "dormouse.address=\(NetworkNamespace.guestAddress)",
            ]
            machine.options = ["--net", "tap=\(NetworkNamespace.interface),mac=52:54:00:12:34:56"]
            try expectFetches(
                machine, scratch, server, network: "network, 52:54:00:12:34:56, \(NetworkNamespace.guestAddress)")
        }

        /// Boots, hibernates and resumes, and looks at what the guest says before and after.
        private func expectFetches(
            _ machine: GuestMachine, _ scratch: Scratch, _ server: FileServer, network: String
        ) throws {
            let first = try scratch.run(machine, "1-boot")
            let second = try scratch.run(machine, "2-resume")
            #expect(first.exitCode == ExitCode.hibernated)
            #expect(second.exitCode == ExitCode.poweredOff)
            for end in [first, second] {
                #expect(end.guestFailure == nil)
                #expect(end.console.contains("dormouse: \(network)"))
                #expect(end.console.ranges(of: "dormouse: fetched \(server.checksum)").count == 1)
            }
            #expect(second.checksums.map(\.step) == ["resumed"])
        }

        @Test(
            "A network costs nothing while it is idle; when passt ends, the link is down, that is said, and the guest goes on",
            .needs(hasPasst, noPasst))
        func linkDown() throws {
            let scratch = try Scratch("network-link-down")
            var machine = GuestMachine(.systemOff2, test: "shell")
            machine.options = ["--net", "user"]
            let run = try scratch.start(machine, "1-boot", input: .pipe)
            try run.waitForConsole("dormouse: shell")
            // The quotes keep the echo of what is typed from being taken for the answer.
            try run.send("ip link set eth0 up; echo link'-'$(cat /sys/class/net/eth0/carrier)\n")
            try run.waitForConsole("link-1")
            var use = [Double]()
            repeat { use.append(try run.coreUse(seconds: 5)) } while (use.last ?? 0) >= Self.idleLimit && use.count < 6
            #expect((use.last ?? 1) < Self.idleLimit, "in periods of 5 s: \(use)")

            let children = run.children
            #expect(children.count == 1)
            for child in children { kill(child, SIGKILL) }
            try run.waitForMessage("network 0 is down: passt has ended; the guest runs on without it")
            // Its driver takes the news from a queue of work.
            try run.send("until [ $(cat /sys/class/net/eth0/carrier) = 0 ]; do sleep 1; done; echo link'-'0\n")
            try run.waitForConsole("link-0")
            try run.send("exit\n")
            #expect(try run.waitForEnd().exitCode == ExitCode.poweredOff)
        }
    }
}
