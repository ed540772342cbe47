import Testing

@testable import DormouseCommand

@Suite("Ctrl-A on a terminal")
struct EscapeSequenceTests {
    private func pieces(_ chunks: String...) -> [EscapeSequence.Piece] {
        var escapes = EscapeSequence()
        return chunks.flatMap { escapes.process($0.utf8) }
    }

    private func input(_ text: String) -> EscapeSequence.Piece { .input(Array(text.utf8)) }

    @Test("What has no Ctrl-A in it is the guest's, every byte of it")
    func plainInput() {
        var escapes = EscapeSequence()
        let bytes = (0...255).map(UInt8.init).filter { $0 != EscapeSequence.escape }
        #expect(escapes.process(bytes) == [.input(bytes)])
    }

    @Test("Ctrl-A x quits, and what was typed before comes first")
    func quit() {
        #expect(pieces("ls\r\u{1}xrest") == [input("ls\r"), .command(.quit), input("rest")])
    }

    @Test("Ctrl-A b sends a break, and the help says so")
    func sendBreak() {
        #expect(pieces("a\u{1}bh") == [input("a"), .command(.sendBreak), input("h")])
        #expect(EscapeSequence.help().contains("Ctrl-A b: send a break"))
    }

    @Test("Ctrl-A h and Ctrl-A ? are for help", arguments: ["h", "?"])
    func help(key: String) {
        #expect(pieces("\u{1}\(key)") == [.command(.help)])
    }

    @Test("Ctrl-A Ctrl-A is one Ctrl-A for the guest")
    func escapedEscape() {
        #expect(pieces("a\u{1}\u{1}xb") == [input("a\u{1}xb")])
        #expect(pieces("\u{1}\u{1}\u{1}x") == [input("\u{1}"), .command(.quit)])
    }

    @Test("A sequence may be torn apart between reads")
    func tornSequence() {
        #expect(pieces("a\u{1}", "x") == [input("a"), .command(.quit)])
        #expect(pieces("\u{1}", "", "\u{1}") == [input("\u{1}")])
    }

    @Test("A key that means nothing after Ctrl-A is dropped with it")
    func unknownKey() {
        #expect(pieces("a\u{1}zb") == [input("ab")])
    }

    @Test("Another escape is used in Ctrl-A's place, which is a key like any other then, and the help says so")
    func otherEscape() {
        var escapes = EscapeSequence(escape: 0x14)
        #expect(
            escapes.process("\u{1}x\u{14}\u{14}\u{14}x".utf8) == [input("\u{1}x\u{14}"), .command(.quit)])
        let help = EscapeSequence.help(escape: 0x14)
        #expect(help.contains("Ctrl-T x: end Dormouse") && help.contains("Ctrl-T Ctrl-T: send Ctrl-T"))
        #expect(!help.contains("Ctrl-A"))
        #expect(EscapeSequence.help(escape: 0x1D).contains("Ctrl-] x:"))
        #expect(EscapeSequence.help(escape: UInt8(ascii: "`")).contains("\n` h or ?: this help"))
    }

    @Test("The help names every key")
    func helpText() {
        for keys in ["Ctrl-A x:", "Ctrl-A h or ?:", "Ctrl-A Ctrl-A:"] {
            #expect(EscapeSequence.help().contains(keys))
        }
    }
}
