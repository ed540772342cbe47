// The word that a process in the background gives to the one that started it: its guest has started.
//
// Responsible for: noticing that, giving the word once, and leaving the other's standard error then, or when it does
// not wait any longer. Not responsible for: waiting for it (`BackgroundProcess`).

import Glibc
import HostSupport
import Machine
import Synchronization

final class Handover: Sendable {
    private struct State {
        var words = "booted"
        var isRunning = false
        var isGiven = false
        /// The last bytes of the console, as many as the text has that is waited for.
        var tail: [UInt8] = []
    }

    private let socket: StreamSocket
    private let lastWords: LastWords
    private let text: [UInt8]?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - socket: where the word is given.
    ///   - lastWords: what becomes standard error then.
    ///   - text: what the console has to say before that; nil for the first call of the firmware.
    init(_ socket: StreamSocket, _ lastWords: LastWords, waitFor text: String?) throws(HostResourceError) {
        self.socket = socket
        self.lastWords = lastWords
        self.text = text.map { Array($0.utf8) }
        // Whoever waits says nothing, and goes when it does not want to wait any longer.
        try HostThread.start { [self] in
            _ = StreamSocket.readable([socket], until: nil)
            give()
        }
    }

    /// Adds what is looked at.
    func connect(_ events: inout MachineEvents) {
        guard !state.withLock(\.isGiven) else { return }
        if let text {
            let output = events.consoleOutput
            events.consoleOutput = { [self] bytes in
                output(bytes)
                if hasSaid(text, bytes) { give() }
            }
        } else {
            let call = events.firmwareCall
            events.firmwareCall = { [self] event in
                call?(event)
                give()
            }
        }
    }

    /// The guest runs, as `words` say.
    func didStart(_ words: String) {
        state.withLock { $0.words = words }
    }

    private func hasSaid(_ text: [UInt8], _ bytes: [UInt8]) -> Bool {
        state.withLock { state in
            guard !state.isGiven else { return false }
            for byte in bytes {
                state.tail.append(byte)
                if state.tail.count > text.count { state.tail.removeFirst() }
                if state.tail == text { return true }
            }
            return false
        }
    }

    private func give() {
        let words: String? = state.withLock { state in
            guard !state.isGiven else { return nil }
            state.isGiven = true
            return state.words
        }
        guard let words else { return }
        // Before whoever waits goes: its standard error is nobody's then.
        Message.leaveStandardError()
        lastWords.takeStandardError()
        socket.write(line: words)
        socket.finishWriting()
    }
}
