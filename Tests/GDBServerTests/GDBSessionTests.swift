// Expected answers are by GDB's manual, appendix E ("Packets", "Stop Reply Packets", "General Query Packets").

import Bytes
import Testing

@testable import GDBServer

@Suite("A debugger's conversation")
struct GDBSessionTests {
    private let machine = FakeMachine()

    /// A debugger that needs no acknowledgements.
    private func session() -> GDBSession {
        var session = GDBSession(machine)
        #expect(session.say("QStartNoAckMode") == "+OK")
        #expect(machine.takeCalls() == ["stop"])
        return session
    }

    @Test("A packet is acknowledged, a damaged one asked for again, and the last answer said again")
    func acknowledgements() {
        var session = GDBSession(machine)
        #expect(session.say(raw: "$?#3f") == "+$T05thread:01;#07")
        #expect(session.say(raw: "-") == "$T05thread:01;#07")
        #expect(session.say(raw: "$?#40") == "-")
        #expect(session.say("QStartNoAckMode") == "+OK")
        #expect(session.say(raw: "$?#40") == "")
        #expect(session.say("?") == "T05thread:01;")
    }

    @Test("What is not known is answered by nothing")
    func unknown() {
        var session = session()
        for packet in ["", "vMustReplyEmpty", "qTStatus", "qSymbol::", "!", "Qfoo", "Hx0", "vFile:open", "Z5,1000,4"] {
            #expect(session.say(packet) == "", "\(packet)")
        }
    }

    @Test("Registers are read and set, all and one by one, in the order of the description")
    func registers() {
        var session = session()
        #expect(session.say("p1e") == "1e00000000000000")
        #expect(session.say("p1f") == "8877665544332211")
        #expect(session.say("p20") == "000000080080ffff")
        #expect(session.say("p21") == "c5030060")
        #expect(session.say("p23") == "01000000000000000101000000000000")
        #expect(session.say("p42") == "10000000")
        #expect(session.say("p43") == "00004000")
        #expect(session.say("p44") == "E16")
        let all = session.say("g")
        #expect(all.count == 2 * (33 * 8 + 4 + 32 * 16 + 8))
        #expect(all.hasPrefix("00000000000000000100000000000000"))
        #expect(session.say("P0=8877665544332211") == "OK")
        #expect(session.say("p0") == "8877665544332211")
        #expect(session.say("P0=88") == "E16")
        #expect(session.say("G" + all) == "OK")
        #expect(session.say("g") == all)
        #expect(session.say("G00") == "E16")
        // No CPU can be in this state.
        #expect(session.say("P21=10000000") == "E16")
        machine.set(isStill: false)
        #expect(session.say("g") == "E03")
    }

    @Test("The description names every register that is sent, and comes in parts")
    func description() {
        var session = session()
        #expect(session.say("qSupported:swbreak+;xmlRegisters=i386").contains("qXfer:features:read+"))
        var text = ""
        while true {
            let part = session.say("qXfer:features:read:target.xml:\(String(text.utf8.count, radix: 16)),400")
            text += part.dropFirst()
            if part.hasPrefix("l") { break }
            guard part.hasPrefix("m") else {
                Issue.record("\(part)")
                return
            }
        }
        #expect(text == TargetDescription.text)
        #expect(text.ranges(of: "<reg ").count == RegisterNumber.all.count)
        #expect(session.say("qXfer:features:read:other.xml:0,400") == "E00")
        #expect(session.say("qXfer:features:read:target.xml:ffffff,400") == "E01")
    }

    @Test("Memory is read by virtual addresses as far as it is there, and by physical ones if they are wanted")
    func memory() {
        var session = session()
        #expect(session.say("mffff800000001000,4") == "00010203")
        #expect(session.say("mffff800000002ffe,8") == "feff")
        #expect(session.say("m40000000,4") == "E0e")
        #expect(session.say("Qqemu.PhyMemMode:1") == "OK")
        #expect(session.say("qqemu.PhyMemMode") == "1")
        #expect(session.say("m40000000,4") == "00010203")
        #expect(session.say("M40000001,2:aabb") == "OK")
        #expect(session.say("m40000000,4") == "00aabb03")
        #expect(session.say("Qqemu.PhyMemMode:0") == "OK")
        #expect(session.say(bytes: Array("Xffff800000001000,3:".utf8) + [0x7D, 0x03, 0x7D, 0x5D, 0x00]) == "OK")
        #expect(session.say("mffff800000001000,4") == "237d0003")
        #expect(session.say("Xffff800000001000,0:") == "OK")
        #expect(session.say("Mffff800000002fff,2:aabb") == "E0e")
        for packet in [
            "m", "m1", "m1,", "mffffffffffffffff1,4", "mfffffffffffffffe,4", "m0,ffffff", "M0,2:aa", "M0,1:zz",
            "X0,1:ab",
        ] { #expect(session.say(packet) == "E16", "\(packet)") }
    }

    @Test("CPUs are threads, and each is looked at by itself")
    func threads() {
        var session = session()
        #expect(session.say("qfThreadInfo") == "m01,02")
        #expect(session.say("qsThreadInfo") == "l")
        #expect(session.say("T2") == "OK")
        #expect(session.say("T3") == "E03")
        #expect(session.say("Hg3") == "E03")
        #expect(session.say("Hg2") == "OK")
        #expect(session.say("qC") == "QC02")
        #expect(session.say("P0=0100000000000000") == "OK")
        #expect(session.say("Hg1") == "OK")
        #expect(session.say("p0") == "0000000000000000")
        #expect(session.say("Hg0") == "OK" && session.say("qC") == "QC01")
        #expect(session.say("qThreadExtraInfo,2") == Hexadecimal.text(of: "CPU#1 [off]".utf8))
    }

    @Test("Memory is watched, as much of it as there can be, and a stop says what would be accessed")
    func watchpoints() {
        var session = session()
        #expect(session.say("Z2,ffff800008000010,4") == "OK")
        #expect(session.say("Z4,ffff800008000020,1000") == "OK")
        #expect(session.say("Z4,ffff800008000020,1000") == "OK")
        #expect(session.say("Z3,ffff800008000030,1") == "E1c")
        #expect(session.say("vCont;c") == "")
        let both = "write@ffff800008000010+4 access@ffff800008000020+4096"
        #expect(machine.takeCalls() == ["resume \([DebuggedResumption.goesOn, .goesOn]) \(both)"])
        #expect(
            session.stop(1, .init(kind: .access, address: 0xFFFF_8000_0800_0021))
                == "T05thread:02;awatch:ffff800008000021;")
        #expect(session.say("?") == "T05thread:02;awatch:ffff800008000021;")
        #expect(session.say("z4,ffff800008000020,1000") == "OK")
        #expect(session.say("Z3,ffff800008000030,1") == "OK")
        #expect(session.say("c") == "")
        #expect(
            session.stop(0, .init(kind: .read, address: 0xFFFF_8000_0800_0030))
                == "T05thread:01;rwatch:ffff800008000030;")
        for packet in ["Z2,0", "Z2,0,0", "Z2,0,1001", "Z2,ffffffffffffffff,2", "z2,0,x"] {
            #expect(session.say(packet).hasPrefix("E"), "\(packet)")
        }
        session.leave()
        #expect(machine.takeCalls().last == "resume \([DebuggedResumption.goesOn, .goesOn]) ")
    }

    @Test("A guest goes on, and stops at a breakpoint, after a step and at Ctrl-C")
    func goingOn() {
        var session = session()
        #expect(session.say("Z0,ffff800008000010,4") == "OK")
        #expect(session.say("Z1,ffff800008000020,4") == "OK")
        #expect(session.say("Z0,ffff800008000011,4") == "E16")
        #expect(session.say("vCont?").contains("vCont;c;C;s;S"))
        #expect(session.say("vCont;c") == "")
        let both = "ffff800008000010 ffff800008000020"
        #expect(machine.takeCalls() == ["resume \([DebuggedResumption.goesOn, .goesOn]) \(both)"])
        // One that runs hears nothing else.
        #expect(session.say("g") == "")
        #expect(session.stop(1) == "T05thread:02;")
        #expect(session.say("qC") == "QC02")
        #expect(session.stop(0) == "")
        #expect(session.say("z1,ffff800008000020,4") == "OK")
        #expect(session.say("vCont;s:2;c:1") == "")
        #expect(
            machine.takeCalls() == ["resume \([DebuggedResumption.goesOn, .steps]) ffff800008000010"])
        #expect(session.stop(1) == "T05thread:02;")
        #expect(session.say("vCont;s:1") == "")
        #expect(machine.takeCalls() == ["resume \([DebuggedResumption.steps, .held]) ffff800008000010"])
        #expect(session.stop(0) == "T05thread:01;")
        #expect(session.say("c") == "")
        #expect(session.say(raw: "\u{3}") == "$T02thread:01;#04")
        #expect(session.say(raw: "\u{3}") == "")
        #expect(machine.takeCalls().last == "stop")
        #expect(session.say("Hc2") == "OK")
        #expect(session.say("s") == "")
        #expect(machine.takeCalls() == ["resume \([DebuggedResumption.held, .steps]) ffff800008000010"])
        #expect(session.stop(1) == "T05thread:02;")
        #expect(session.say("Cff;ffff800000001000") == "")
        #expect(session.stop(1) == "T05thread:02;")
        #expect(session.say("p20") == "001000000080ffff")
        for packet in ["vCont;", "vCont;x", "vCont;C", "vCont;s:9", "cxyz", "C", "Z0", "Z0,0", "z0,zz,4"] {
            #expect(session.say(packet).hasPrefix("E"), "\(packet)")
        }
    }

    @Test("There are as many breakpoints as the machine has, and one that is set twice is one")
    func breakpointLimit() {
        var session = session()
        for number in 0..<4 { #expect(session.say("Z0,\(number)000,4") == "OK") }
        #expect(session.say("Z0,4000,4") == "E1c")
        #expect(session.say("Z0,3000,4") == "OK")
        #expect(session.say("z0,3000,4") == "OK")
        #expect(session.say("z0,3000,4") == "OK")
        #expect(session.say("Z0,4000,4") == "OK")
    }

    @Test("A debugger that leaves, by a word or without one, leaves a guest that runs and has no breakpoints")
    func leaving() {
        let goesOn = "resume \([DebuggedResumption.goesOn, .goesOn]) "
        var first = session()
        #expect(first.say("Z0,1000,4") == "OK")
        #expect(first.say("D") == "OK")
        #expect(machine.takeCalls() == [goesOn])
        #expect(first.isOver)
        first.leave()
        #expect(machine.takeCalls() == [])
        var second = session()
        #expect(second.say("Z0,1000,4") == "OK")
        second.leave()
        #expect(machine.takeCalls() == [goesOn])
        var third = session()
        #expect(third.say("k") == "")
        #expect(machine.takeCalls() == ["kill"] && third.isOver)
        var fourth = session()
        #expect(fourth.say("vKill;1") == "OK")
        #expect(machine.takeCalls() == ["kill"] && fourth.isOver)
    }

    @Test("A line for the monitor is answered in packets of output")
    func monitor() {
        var session = session()
        let line = Hexadecimal.text(of: "info status".utf8)
        let output = Hexadecimal.text(of: "(info status)\r\n".utf8)
        #expect(session.say(raw: framed("qRcmd,\(line)")) == framed("O\(output)") + framed("OK"))
        #expect(session.say("qRcmd,zz") == "E16")
    }

    @Test("That the run is over is told a debugger that waits for its guest")
    func ended() {
        var session = session()
        #expect(session.ended() == [])
        #expect(session.say("c") == "")
        #expect(String(decoding: session.ended(), as: UTF8.self) == framed("W00"))
        #expect(session.ended() == [])
    }

    @Test("A thousand packets of noise are all answered, or left out, and the next one is understood")
    func noise() {
        var session = session()
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("gGpPmMXHTZzcCsSvqQDk?0123456789abcdef,;:=.-".utf8)
        for _ in 0..<1000 {
            let body = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            _ = session.say(bytes: body)
            if session.isRunning { _ = session.stop(0) }
            if session.isOver { session = self.session(afterLeaving: true) }
        }
        #expect(session.say("?").hasPrefix("T0"))
    }

    private func session(afterLeaving: Bool) -> GDBSession {
        _ = machine.takeCalls()
        return session()
    }

    private func framed(_ text: String) -> String { String(decoding: Packet.framed(text.utf8), as: UTF8.self) }
}

extension GDBSession {
    /// What is answered to bytes as they are.
    fileprivate mutating func say(raw text: String) -> String {
        var bytes = Array(text.utf8)[...]
        var answer: [UInt8] = []
        while let part = hear(&bytes) { answer += part }
        return String(decoding: answer, as: UTF8.self)
    }

    /// What is answered to a packet, out of its frame.
    fileprivate mutating func say(bytes: [UInt8]) -> String {
        var sent = Packet.framed(bytes)[...]
        var answer: [UInt8] = []
        while let part = hear(&sent) { answer += part }
        return Self.unframed(answer)
    }

    fileprivate mutating func say(_ packet: String) -> String { say(bytes: Array(packet.utf8)) }

    fileprivate mutating func stop(_ cpu: Int, _ access: DebuggedStop.Access? = nil) -> String {
        Self.unframed(stopped(DebuggedStop(cpu: cpu, signal: .trap, access: access)))
    }

    private static func unframed(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self).replacing(#/(?s)\$(.*)#[0-9a-f]{2}/#) { $0.output.1 }
    }
}
