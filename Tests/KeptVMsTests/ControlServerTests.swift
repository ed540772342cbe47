import Foundation
import Glibc
import HostSupport
import Machine
import Testing

@testable import KeptVMs

@Suite("Control socket")
struct ControlServerTests {
    /// As patient as never, so that nobody's turn comes by waiting.
    private static let patient: ControlServer.Limits = {
        var limits = ControlServer.Limits()
        limits.patience = .seconds(3600)
        return limits
    }()

    private func server(_ vm: VM, _ limits: ControlServer.Limits) throws -> ControlServer {
        let server = try ControlServer(vm, limits: limits) { ControlReply(done: true, detail: $0.rawValue) }
        try server.start()
        return server
    }

    private func connect(_ vm: VM) throws -> StreamSocket {
        try .connected(directory: vm.path, name: "control")
    }

    @Test("A caller that says nothing, or half a line, holds nobody up")
    func silentCaller() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm, Self.patient)
        let silent = try connect(vm)
        let slow = try connect(vm)
        slow.write(part: "sta")
        for _ in 0..<3 { #expect(try vm.tell(.status).detail == "status") }
        slow.write(part: "tus\n")
        guard case .text(let line) = slow.readLine(milliseconds: 600_000) else {
            Issue.record("the slow caller got no answer")
            return
        }
        #expect(ControlReply(line: line)?.done == true)
        withExtendedLifetime((silent, server)) {}
    }

    @Test("Of too many silent callers the oldest is left, and a new one is heard")
    func manyCallers() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm, Self.patient)
        let silent = try (0..<100).map { _ in try connect(vm) }
        #expect(try vm.tell(.status).done)
        guard case .end = silent[0].readLine(milliseconds: 600_000) else {
            Issue.record("the oldest caller is still there")
            return
        }
        withExtendedLifetime(server) {}
    }

    @Test("A silent caller is left after its time")
    func patience() throws {
        let test = try TestStore()
        let vm = try test.make()
        var limits = ControlServer.Limits()
        limits.patience = .zero
        let server = try server(vm, limits)
        guard case .end = try connect(vm).readLine(milliseconds: 600_000) else {
            Issue.record("it is still there")
            return
        }
        withExtendedLifetime(server) {}
    }

    @Test("What is no verb, or no line, is answered or left, and whoever asked for the end is told of it")
    func lines() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm, Self.patient)
        let wrong = try connect(vm)
        wrong.write(line: "halt")
        guard case .text(let answer) = wrong.readLine(milliseconds: 600_000) else {
            Issue.record("no answer")
            return
        }
        #expect(ControlReply(line: answer)?.done == false)
        let long = try connect(vm)
        long.write(part: String(repeating: "x", count: 4096))
        guard case .end = long.readLine(milliseconds: 600_000) else {
            Issue.record("a caller without an end is still there")
            return
        }
        let waiter = try connect(vm)
        waiter.write(line: ControlVerb.stop.rawValue)
        guard case .text = waiter.readLine(milliseconds: 600_000) else {
            Issue.record("no answer")
            return
        }
        // The answer comes before the caller is among those who wait; the next one's comes after.
        #expect(try vm.tell(.status).done)
        server.finish(VMState.End(kind: "powered-off", exitCode: 0, words: "powered off", time: "0"))
        guard case .text(let end) = waiter.readLine(milliseconds: 600_000) else {
            Issue.record("no end")
            return
        }
        #expect(end.contains("powered off"))
    }

    @Test("Everybody who waits is told how the run ended, to the word, and nobody can ask any more")
    func finish() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm, Self.patient)
        func caller(_ verb: ControlVerb) throws -> StreamSocket {
            let caller = try connect(vm)
            caller.write(line: verb.rawValue)
            guard case .text = caller.readLine(milliseconds: 600_000) else { throw Unanswered() }
            return caller
        }
        let waiters = try [ControlVerb.stop, .hibernate, .wake].map(caller)
        let asker = try caller(.status)
        // The answer comes before the caller is among those who wait; the next one's comes after.
        #expect(try vm.tell(.status).done)
        let end = VMState.End(
            kind: "refused-disks", exitCode: 51, words: "refused: disk 0 \"a\\b\": ö\n", time: "18446744073709551615")
        server.finish(end)
        for waiter in waiters {
            guard case .text(let line) = waiter.readLine(milliseconds: 600_000) else { throw Unanswered() }
            #expect(try JSONDecoder().decode(VMState.End.self, from: Data(line.utf8)) == end)
        }
        // Who only asked is not kept.
        guard case .end = asker.readLine(milliseconds: 600_000) else {
            Issue.record("who asked for the status was told of the end")
            return
        }
        #expect(access(vm.controlPath, F_OK) != 0)
        let error = #expect(throws: HostError.self) { try vm.tell(.status) }
        #expect(error?.description.contains("not running") == true)
        // Nor is anybody told twice.
        server.finish(VMState.End(kind: "powered-off", exitCode: 0, words: "", time: "0"))
        for waiter in waiters {
            guard case .text(let line) = waiter.readLine(milliseconds: 1) else { continue }
            Issue.record("told again: \(line)")
        }
        withExtendedLifetime(server) {}
    }

    @Test("The socket is its owner's alone, whatever the umask")
    func rights() throws {
        let test = try TestStore()
        let vm = try test.make()
        let server = try server(vm, Self.patient)
        var status = stat()
        #expect(stat(vm.controlPath, &status) == 0 && status.st_mode & 0o777 == 0o600)
        withExtendedLifetime(server) {}
    }
}

/// Nobody said anything.
private struct Unanswered: Error {}

extension StreamSocket {
    /// Writes text that is not yet a line.
    fileprivate func write(part: String) {
        let bytes = Array(part.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
