// `dormouse qemu` with monitors, of whose clients one is not ours.

import Foundation
import TestSupport
import Testing

@Suite("QEMU's monitors", .needs(Guest.areBuilt, Guest.missing), .timeLimit(.minutes(30)))
struct QEMUMonitorTests {
    private let directory: TemporaryDirectory
    private var socket: String { directory.path + "/qmp" }

    init() throws { directory = try TemporaryDirectory() }

    /// Runs a guest, and meanwhile a conversation on its QMP socket.
    private func run(
        _ guest: String, _ options: [String] = [], _ actions: String...
    ) async throws -> (Finished, [String]) {
        let socket = socket
        let lines = Lines()
        let end = try await Command.run(
            [
                "qemu", "-M", "virt", "-nographic", "-serial", "null", "-m", "64", "-kernel", guest, "-append",
                "seconds=3600", "-qmp",
                "unix:\(socket),server=on,wait=off",
            ] + options
        ) { _ in lines.set(try await Command.converse(socket, actions)) }
        return (end, lines.all)
    }

    private final class Lines: @unchecked Sendable {
        private(set) var all: [String] = []
        func set(_ lines: [String]) { all = lines }
    }

    @Test("A client steers a guest: it stops, goes on, is reset and ends", .needs(PythonQMP.isThere, PythonQMP.whyNot))
    func steered() async throws {
        let disk = try directory.file("disk", [UInt8](repeating: 0, count: 8192))
        let (end, lines) = try await run(
            Guest.idle.path,
            [
                "-smp", "2", "-name", "one,debug-threads=on", "-drive",
                "file=\(disk),format=raw,if=virtio,readonly=on",
            ],
            "query-status", "stop", "+STOP", "query-status", "cont", "+RESUME", "query-status", "query-name",
            "query-block", "system_reset", "+RESET", "query-status",
            #"human-monitor-command {"command-line": "info status"}"#, "nonsense", "system_powerdown", "quit",
            "+SHUTDOWN", ".")
        // Events come when they come, between answers.
        let shutdown = #"event SHUTDOWN {"guest": false, "reason": "host-qmp-quit"}"#
        let reset = #"event RESET {"guest": false, "reason": "host-qmp-system-reset"}"#
        #expect(
            lines.filter { $0.hasPrefix("event") } == [
                "event STOP {}", "event RESUME {}", reset, "event POWERDOWN {}", shutdown,
            ])
        let (running, paused) = (
            #"return {"running": true, "status": "running"}"#, #"return {"running": false, "status": "paused"}"#
        )
        #expect(
            lines.filter { !$0.hasPrefix("event") && !$0.contains("virtio0") } == [
                running, "return {}", paused, "return {}", running, #"return {"name": "one"}"#, "return {}", running,
                #"return "VM status: running\r\n""#, "error CommandNotFound", "return {}", "return {}",
            ])
        let block = try #require(lines.first { $0.contains("virtio0") })
        #expect(block.contains(#""ro": true"#) && block.contains(#""virtual-size": 8192"#))
        #expect(end.exitCode == 0)
        #expect(end.errorLines.last == "dormouse: stopped from the monitor")
        #expect(access(socket, F_OK) != 0)
    }

    @Test(
        "A guest that hibernates is SUSPEND_DISK and then SHUTDOWN; one that cannot say it is SHUTDOWN alone",
        .needs(PythonQMP.isThere, PythonQMP.whyNot), arguments: [true, false])
    func hibernates(offered: Bool) async throws {
        let (end, lines) = try await run(
            Guest.systemOff2.path, ["-S"] + (offered ? [] : ["-psci", "disable=SYSTEM_OFF2"]), "query-status",
            "x-dormouse-query-hibernation", "cont", "+SHUTDOWN", ".")
        #expect(lines.first == #"return {"running": false, "status": "prelaunch"}"#)
        #expect(lines[1].contains(#""system-off2": \#(offered)"#))
        let events = lines.filter { $0.hasPrefix("event") }
        let shutdown = #"event SHUTDOWN {"guest": true, "reason": "guest-shutdown"}"#
        #expect(events == ["event RESUME {}"] + (offered ? ["event SUSPEND_DISK {}"] : []) + [shutdown])
        #expect(end.exitCode == 0)
    }

    @Test(
        "A guest that says by pvpanic that its kernel panicked is GUEST_PANICKED, and has failed",
        .needs(PythonQMP.isThere, PythonQMP.whyNot))
    func panics() async throws {
        // mov x1, #0x090D0000; mov w0, #1; strb w0, [x1]
        let words: [UInt32] = [0xD2A1_21A1, 0x5280_0020, 0x3900_0020, FlatCode.wfi, FlatCode.backByOne]
        let guest = try FlatCode.file(words, in: directory)
        let (end, lines) = try await run(guest, ["-model", "virt-2", "-S"], "cont", "+SHUTDOWN", ".")
        #expect(
            lines.filter { $0.hasPrefix("event") } == [
                "event RESUME {}", #"event GUEST_PANICKED {"action": "poweroff"}"#,
                #"event SHUTDOWN {"guest": true, "reason": "guest-panic"}"#,
            ])
        #expect(end.exitCode == 1)
        #expect(end.errorLines.last == "dormouse: crashed: the guest's kernel panicked")
    }

    @Test("-qmp-pretty is QMP as well", .needs(PythonQMP.isThere, PythonQMP.whyNot))
    func pretty() async throws {
        let lines = Lines()
        let socket = directory.path + "/pretty"
        let end = try await Command.run([
            "qemu", "-display", "none", "-m", "64", "-kernel", Guest.idle.path, "-append", "seconds=3600",
            "-qmp-pretty", "unix:\(socket),server=on,wait=off",
        ]) { _ in lines.set(try await Command.converse(socket, ["query-status", "quit", "."])) }
        #expect(lines.all.contains(#"return {"running": true, "status": "running"}"#))
        #expect(end.exitCode == 0)
    }

    @Test("A guest that has ended is kept if somebody wants it, and is started again, paused")
    func ended() async throws {
        try #require(PythonQMP.isThere, PythonQMP.whyNot)
        let guest = try FlatCode.file(FlatCode.systemOff, in: directory)
        let (end, lines) = try await run(
            guest, ["-S", "-no-shutdown"], "cont", "+SHUTDOWN", "+STOP", "query-status", "cont", "system_reset",
            "+RESET",
            "query-status", "cont", "+SHUTDOWN", "+STOP", "quit", ".")
        let shutdown = #"event SHUTDOWN {"guest": true, "reason": "guest-shutdown"}"#
        #expect(
            lines.filter { $0.hasPrefix("event") } == [
                "event RESUME {}", shutdown, "event STOP {}",
                #"event RESET {"guest": false, "reason": "host-qmp-system-reset"}"#, "event RESUME {}", shutdown,
                "event STOP {}",
            ])
        #expect(lines.contains(#"return {"running": false, "status": "shutdown"}"#))
        #expect(lines.contains(#"return {"running": false, "status": "prelaunch"}"#))
        #expect(lines.filter { $0.hasPrefix("error") } == ["error GenericError"])
        #expect(end.exitCode == 0)
        #expect(end.errorLines.last == "dormouse: powered off")
    }

    @Test("A dump is an ELF core that binutils read, with a guest's registers, and its memory where it was")
    func dump() async throws {
        try #require(PythonQMP.isThere, PythonQMP.whyNot)
        let core = directory.path + "/core"
        let guest = try FlatCode.file([0xD280_0ED3, FlatCode.wfi, FlatCode.backByOne], in: directory)  // MOV X19, #0x76
        let (end, lines) = try await run(
            guest, ["-smp", "2"], #"dump-guest-memory {"paging": false, "protocol": "file:\#(core)"}"#,
            "+DUMP_COMPLETED",
            "query-status", #"dump-guest-memory {"paging": false, "protocol": "file:/nowhere/core"}"#, "quit", ".")
        #expect(end.exitCode == 0)
        #expect(
            lines.filter { $0.hasPrefix("event") }.prefix(3).map { $0.split(separator: " ")[1] } == [
                "STOP", "RESUME", "DUMP_COMPLETED",
            ])
        #expect(lines.contains(#"return {"running": true, "status": "running"}"#))
        #expect(lines.contains("error GenericError"))
        let result = try await Command.shell(#"aarch64-linux-gnu-readelf -hlnW "$1""#, core)
        for text in [
            "CORE (Core file)", "AArch64", "0x0000000040000000 0x0000000040000000 0x4000000 0x4000000", "NT_PRSTATUS",
        ] { #expect(result.output.contains(text), "\(result.output)\(result.error)") }
        #expect(result.output.ranges(of: "NT_PRSTATUS").count == 2)
        let bytes = try [UInt8](Data(contentsOf: URL(filePath: core)))
        let memory = bytes.count - (64 << 20)
        #expect(Array(bytes[(memory + 0x80000)...].prefix(4)) == [0xD3, 0x0E, 0x80, 0xD2])
        // The first note: 64 and two program headers, 20 of the note's own, 112 to the registers.
        let registers = 64 + 2 * 56 + 20 + 112
        #expect(bytes[registers + 8 * 19] == 0x76)
        // The program counter is at the WFI, or behind it.
        #expect(bytes[registers + 8 * 32 + 2] == 0x08 && bytes[registers + 8 * 32 + 3] == 0x40)
    }

    @Test("A guest that is paused stays so over a reset, and a client that asks for the end at once gets it")
    func pausedReset() async throws {
        try #require(PythonQMP.isThere, PythonQMP.whyNot)
        let (end, lines) = try await run(
            Guest.idle.path, [], "stop", "+STOP", "system_reset", "+RESET", "query-status", "cont", "+RESUME",
            "query-status", "quit", ".")
        #expect(lines.contains(#"return {"running": false, "status": "paused"}"#))
        #expect(lines.contains(#"return {"running": true, "status": "running"}"#))
        #expect(end.exitCode == 0)
        for _ in 0..<5 {
            let (end, lines) = try await run(Guest.idle.path, ["-S"], "quit", ".")
            #expect(lines.contains(#"event SHUTDOWN {"guest": false, "reason": "host-qmp-quit"}"#))
            #expect(end.exitCode == 0)
        }
    }

    @Test(
        "A disk in a qcow2 image is said to be one, with the size that the guest sees",
        .needs(PythonQMP.isThere, PythonQMP.whyNot))
    func qcow2() async throws {
        let disk = directory.path + "/disk.qcow2"
        #expect(try await Command.shell("qemu-img create -q -f qcow2 $1 64M", disk).exitCode == 0)
        let (_, lines) = try await run(
            Guest.idle.path, ["-drive", "file=\(disk),format=qcow2,if=virtio"], "query-block", "quit", ".")
        #expect(lines.first?.contains(#""drv": "qcow2""#) == true)
        #expect(lines.first?.contains(#""virtual-size": 67108864"#) == true)
    }

    @Test("A reset that is not to be booted again is a shutdown, with QEMU's reason")
    func noReboot() async throws {
        try #require(PythonQMP.isThere, PythonQMP.whyNot)
        let (end, lines) = try await run(Guest.idle.path, ["-no-reboot"], "system_reset", "+SHUTDOWN", ".")
        #expect(lines.contains(#"event SHUTDOWN {"guest": false, "reason": "host-qmp-system-reset"}"#))
        #expect(end.exitCode == 0)
    }

    @Test("By -mon and -chardev too: threads of CPUs are the process's, and devices are listed")
    func threads() async throws {
        try #require(PythonQMP.isThere, PythonQMP.whyNot)
        let lines = Lines()
        let socket = socket
        let end = try await Command.run([
            "qemu", "-nographic", "-serial", "null", "-m", "64", "-kernel", Guest.idle.path, "-append", "seconds=3600",
            "-smp", "2", "-mon",
            "chardev=c,mode=control", "-chardev", "socket,id=c,path=\(socket),server=on,wait=off",
        ]) { running in
            lines.set(try await Command.converse(socket, ["query-cpus-fast", "query-chardev"]))
            for match in lines.all[0].matches(of: #/"thread-id": (\d+)/#) {
                #expect(access("/proc/\(running.process)/task/\(match.output.1)", F_OK) == 0)
            }
            #expect(lines.all[1].contains(#""label": "c""#) && lines.all[1].contains("unix:\(socket)"))
            running.send(SIGTERM)
        }
        #expect(end.exitCode == 0)
    }

    @Test("HMP on standard input and output, as a person or a script types it")
    func standardInput() async throws {
        let result = try await Command.run(
            [
                "qemu", "-nographic", "-monitor", "stdio", "-kernel", Guest.idle.path, "-append", "seconds=3600", "-m",
                "64", "-uuid",
                "01234567-89ab-cdef-0123-456789abcdef",
            ], input: "info status\nstop\ninfo status\nfoo\ninfo uuid\nq\n")
        #expect(result.exitCode == 0)
        #expect(result.output.hasPrefix("QEMU 9.2.0 monitor"))
        for text in [
            "(qemu) VM status: running\r\n", "(qemu) VM status: paused\r\n", "unknown command: 'foo'",
            "01234567-89ab-cdef-0123-456789abcdef\r\n",
        ] { #expect(result.output.contains(text), "\(text)") }
    }

    @Test("With wait=on nothing begins before somebody is there, and a signal ends the wait")
    func waits() async throws {
        let (socket, guest) = (socket, try FlatCode.file(FlatCode.systemOff, in: directory))
        let options = ["qemu", "-nographic", "-kernel", guest, "-m", "64", "-monitor", "unix:\(socket),server"]
        let end = try await Command.run(options) { running in
            #expect(try await running.waits(forMessage: "waiting for a connection on unix:\(socket)"))
            try await Task.sleep(for: .milliseconds(200))
            #expect(kill(running.process, 0) == 0)
            running.send(SIGTERM)
        }
        #expect(end.exitCode == 143)
        let second = try await Command.shell(
            #"""
            "$0" qemu -nographic -kernel "$2" -m 64 -monitor "unix:$1,server" & pid=$!
            python3 -c 'import socket, sys, time
            for _ in range(600):
                try:
                    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); break
                except OSError: time.sleep(0.1)
            print(s.recv(4))' "$1"; wait $pid; echo $?
            """#, socket, guest)
        #expect(second.output == "b'QEMU'\n0\n" || second.output.hasSuffix("0\n"), "\(second.output)\(second.error)")
    }

    @Test("NixOS's driver listens itself: without server a monitor connects, once")
    func connects() async throws {
        let script = #"""
            python3 -c 'import socket, sys, subprocess
            s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1)
            run = subprocess.Popen([sys.argv[2], "qemu", "-nographic", "-serial", "null", "-m", "64", "-kernel",
                sys.argv[3], "-append", "seconds=3600", "-monitor", "unix:" + sys.argv[1]])
            c = s.accept()[0]
            def prompt():
                text = b""
                while not text.endswith(b"(qemu) "): text += c.recv(4096)
                return text.decode()
            prompt(); c.send(b"info status\n"); print(prompt()); c.send(b"quit\n"); print(run.wait())' "$1" "$0" "$2"
            """#
        let result = try await Command.shell(script, socket, Guest.idle.path)
        #expect(result.output == "VM status: running\r\n(qemu) \n0\n", "\(result.error)")
    }

    @Test("Of a port that is taken, the words have those that syzkaller looks for")
    func forwarding() async throws {
        let script = #"""
            python3 -c 'import socket, subprocess, sys
            s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1)
            rule = "user,id=n,host=10.0.2.10,hostfwd=tcp:127.0.0.1:%d-:22" % s.getsockname()[1]
            sys.exit(subprocess.run([sys.argv[1], "qemu", "-nographic", "-m", "64", "-kernel", sys.argv[2], "-netdev",
                rule, "-device", "virtio-net-pci,netdev=n"]).returncode)' "$0" "$1"
            """#
        let result = try await Command.shell(script, Guest.idle.path)
        #expect(result.exitCode == 1)
        #expect(result.error.contains("ould not set up host forwarding rule"), "\(result.error)")
    }

    @Test("A serial port on a socket is read by who is connected, and by nobody in between")
    func serial() async throws {
        // Until it ends, however often somebody comes.
        let script = #"""
            "$0" qemu -nographic -m 64 -kernel "$2" -append seconds=2 -serial "unix:$1,server=on,wait=$3" & pid=$!
            python3 -c 'import socket, sys, time
            def connect():
                for _ in range(600):
                    try:
                        s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); return s
                    except OSError: time.sleep(0.1)
            connect().close() if sys.argv[2] == "off" else None
            s = connect(); text = b""
            while True:
                part = s.recv(4096)
                if not part: break
                text += part
            print(text.decode())' "$1" "$3"; wait $pid; echo $?; ls "$1" 2>&1
            """#
        let waiting = try await Command.shell(script, socket, Guest.idle.path, "on")
        #expect(waiting.output.contains("idle\n") && waiting.output.contains("\n0\n"), "\(waiting.output)")
        #expect(!waiting.output.contains("\n\(socket)\n"))
        #expect(waiting.error.contains("waiting for a connection on unix:\(socket),server=on"))
        let other = try await Command.shell(script, socket, Guest.idle.path, "off")
        #expect(other.output.contains("0\n"), "\(other.output)")
    }

    @Test(
        "What cannot be had is one line that names it",
        arguments: [
            (["-qmp", "unix:/nowhere/q,server=on"], "-qmp cannot listen at unix:/nowhere/q,server=on"),
            (["-qmp", "unix:/nowhere/q"], "-qmp cannot connect to unix:/nowhere/q"),
            (["-monitor", "tcp:127.0.0.1:1"], "-monitor cannot connect to tcp:127.0.0.1:1"),
            (["-monitor", "stdio", "-serial", "stdio"], "-monitor stdio has a user already"),
            (["-qmp", "stdio", "-monitor", "stdio"], "-monitor stdio has a user already"),
            (["-monitor", "file:x"], "-monitor file:x cannot be typed into"),
            (["-monitor", "telnet:127.0.0.1:1,server"], "-monitor telnet:127.0.0.1:1,server is not to be had"),
            (["-qmp", "tcp:127.0.0.1"], "-qmp tcp needs HOST:PORT"),
            (["-qmp", "tcp:127.0.0.1:70000,server"], "-qmp 70000 is no port"),
            (["-qmp", "tcp:127.0.0.1:0"], "-qmp port 0"),
            (["-qmp", "unix:,server"], "-qmp needs the path"),
            (["-qmp", "unix:q,server=perhaps"], "-qmp server=perhaps: say on or off"),
            (["-qmp", "unix:q,foo"], "-qmp foo is not taken"),
            (["-mon", "chardev=x"], "-mon chardev=x is not to be found"),
            (["-mon", "chardev=x,mode=loud", "-chardev", "null,id=x"], "-mon mode=loud is not to be had"),
            (["-chardev", "null,id=x", "-chardev", "null,id=x"], "-chardev id=x is given twice"),
            (["-chardev", "null"], "-chardev needs an id="),
            (["-chardev", "spicevmc,id=x"], "-chardev spicevmc is not to be had"),
            (["-chardev", "socket,id=x"], "-chardev needs the path of a socket"),
            (["-chardev", "socket,id=x,path=p,reconnect=1"], "reconnect=1 is not to be had"),
            (["-chardev", "socket,id=x,path=p,telnet=on"], "telnet is not to be had"),
            (["-serial", "chardev:x"], "-serial chardev:x is not to be found"),
            (["-uuid", "7"], "-uuid 7 is no UUID"),
        ])
    func refused(options: [String], expected: String) async throws {
        let result = try await Command.run(
            ["qemu", "-nographic", "-kernel", Guest.idle.path, "-m", "64"] + options)
        #expect(result.exitCode == 1)
        #expect(result.errorLines.count == 1)
        #expect(result.error.contains(expected), "\(result.error)")
    }

    @Test("A file in the place of a socket is left alone, and a socket of a run that is gone is replaced")
    func places() async throws {
        let file = try directory.file("file", Array("x".utf8))
        let guest = try FlatCode.file(FlatCode.systemOff, in: directory)
        let options = ["qemu", "-nographic", "-kernel", guest, "-m", "64", "-qmp"]
        #expect(try await Command.run(options + ["unix:\(file),server,nowait"]).exitCode == 1)
        #expect(try Data(contentsOf: URL(filePath: file)) == Data("x".utf8))
        let script = """
            python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"
            "$0" qemu -nographic -kernel "$2" -m 64 -qmp "unix:$1,server,nowait"; echo $?; ls "$1"
            """
        let result = try await Command.shell(script, directory.path + "/left", guest)
        #expect(result.output == "0\n")
    }
}
