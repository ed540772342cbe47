import Machine
import Testing

@testable import KeptVMs

/// The table of docs/hibernation.md, cell by cell.
@Suite("What is remembered of a run")
struct AfterRunTests {
    private static let ends: [RunEnd] = [
        .hibernated(HibernationRequest(type: 0, cookie: 0, core: 0, functionID: 0xC400_0015)), .poweredOff,
        .reset(ResetRequest(type: nil, cookie: 0, core: 0)), .reset(ResetRequest(type: 0, cookie: 0, core: 0)),
        .crashed("x"), .stopped(.signal(15)), .stopped(.console), .stopped(.powerCut), .stopped(.host("x")),
    ]

    private func after(_ end: RunEnd, _ change: (inout AfterRun.Facts) -> Void) -> AfterRun {
        var facts = AfterRun.Facts()
        change(&facts)
        return AfterRun(end, facts)
    }

    @Test("A new image is a hibernation, however the run ended", arguments: ends)
    func new(end: RunEnd) {
        #expect(after(end) { $0.image = .new } == .hibernated)
        #expect(after(end) { ($0.image, $0.wasToResume, $0.mayHideImage) = (.new, true, true) } == .hibernated)
    }

    @Test("SYSTEM_OFF2 is a hibernation, whatever is found", arguments: AfterRun.Image.allCases)
    func systemOff2(image: AfterRun.Image) {
        #expect(after(Self.ends[0]) { ($0.image, $0.hasWritten) = (image, true) } == .hibernated)
    }

    @Test(
        "An image that was to be resumed is as before, if nothing was written and it is known",
        arguments: ends.dropFirst())
    func toResume(end: RunEnd) {
        #expect(after(end) { ($0.image, $0.wasToResume, $0.isRecorded) = (.old, true, true) } == .asBefore)
        #expect(
            after(end) { ($0.image, $0.wasToResume, $0.isRecorded, $0.hasWritten) = (.old, true, true, true) }
                == .unknown)
        #expect(after(end) { ($0.image, $0.wasToResume) = (.old, true) } == .unknown)
    }

    @Test("An image that was not to be resumed makes a stop uncertain, and nothing else", arguments: ends.dropFirst())
    func left(end: RunEnd) {
        let expected: AfterRun =
            switch end {
            case .exited, .crashed, .stopped: .unknown
            case .hibernated, .poweredOff, .reset: .nothing
            }
        #expect(after(end) { $0.image = .old } == expected)
    }

    @Test("Without an image there is nothing to resume, unless nobody could see it", arguments: ends.dropFirst())
    func none(end: RunEnd) {
        #expect(after(end) { $0.hasWritten = true } == .nothing)
        #expect(after(end) { ($0.hasWritten, $0.mayHideImage) = (true, true) } == .mayHaveHibernated)
    }

    @Test("A guest that knows SYSTEM_OFF2 means what it says by SYSTEM_OFF, and not by a reset")
    func knows() {
        #expect(after(.poweredOff) { ($0.mayHideImage, $0.knowsSystemOff2) = (true, true) } == .nothing)
        #expect(after(Self.ends[2]) { ($0.mayHideImage, $0.knowsSystemOff2) = (true, true) } == .mayHaveHibernated)
    }
}
