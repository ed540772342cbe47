// The words of a panic are those of Linux's kernel/panic.c, behind printk's time.

import Testing

@testable import Machine

@Suite("The end of a console")
struct ConsoleTailTests {
    private func tail(_ text: String) -> ConsoleTail {
        let tail = ConsoleTail()
        // As a UART has it.
        for byte in text.utf8 { tail.note([byte]) }
        return tail
    }

    @Test("The last lines are kept, without what is for terminals")
    func lines() {
        #expect(tail("one\r\n\u{1B}[1mtwo\u{7}\n\nlogin: ").lines == ["one", "[1mtwo", "", "login: "])
        #expect(tail("").lines == [])
        let many = tail((0..<100).map { "\($0)\n" }.joined()).lines
        #expect(many == (76..<100).map(String.init))
    }

    @Test("A panic is found in its line, until another boot; the first one counts")
    func panic() {
        let words = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100"
        let tail = tail("[    1.5] \(words)\n[    1.6] CPU: 0\n[    1.7] ---[ end \(words) ]---\nx")
        #expect(tail.panic == words)
        #expect(self.tail("[    1.5] \(words)").panic == words)
        #expect(self.tail("all is well\n").panic == nil)
        tail.begin()
        #expect(tail.panic == nil)
        let unfinished = self.tail(words)
        unfinished.begin()
        #expect(unfinished.panic == nil && unfinished.lines == [words])
        #expect(RunEnd.poweredOff.words([], panic: words) == "powered off; the console said \"\(words)\"")
    }

    @Test("A guest that writes for ever without an end of line takes no more than a line")
    func bounds() {
        let tail = ConsoleTail()
        for _ in 0..<100 { tail.note([UInt8](repeating: 0x61, count: 1 << 12)) }
        #expect(tail.lines == [String(repeating: "a", count: ConsoleTail.byteLimit)])
    }
}
