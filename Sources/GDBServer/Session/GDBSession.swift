// A debugger's conversation about a machine.
//
// Responsible for: what each packet means, and what is answered. Not responsible for: how bytes come and go
// (`DebugServer`).
//
// All of the guest stops and goes on together, as GDB's all-stop mode has it; a CPU is a thread whose number is the
// CPU's and one. Follows GDB's manual, appendix E; QEMU's gdbstub for what is its own (`qemu.PhyMemMode`), and that a
// guest is stopped when a debugger comes and goes on when it leaves.

import Bytes

/// One debugger's conversation.
struct GDBSession {
    /// What is said of a packet.
    enum Answer: Equatable {
        /// Nothing, until something happens.
        case later
        case text(String)
        case bytes([UInt8])
        case ok
        case error(Failure)
        /// There is no such packet, or not with this.
        case unknown
        /// Packets before the last one, and that.
        case packets([String], last: String)
    }

    /// By errno(3)'s numbers, which GDB shows.
    enum Failure: UInt8 {
        case noCPU = 3
        case noMemory = 14
        case invalid = 22
        case noRoom = 28
    }

    let machine: any DebuggedMachine
    private var reader = PacketReader()
    private var acknowledges = true
    /// As it was sent last, for who did not get it.
    private var lastPacket: [UInt8] = []

    /// The CPU whose registers and memory are looked at, and the one that is stepped; nil: any, or all.
    var currentCPU = 0
    var steppedCPU: Int?
    /// Whether the guest runs, as far as the debugger knows.
    private(set) var isRunning = false
    private(set) var stop = DebuggedStop(cpu: 0, signal: .trap)
    var usesPhysicalAddresses = false
    var breakpoints: Set<Breakpoint> = []
    var watchpoints: Set<DebuggedWatchpoint> = []
    /// The debugger has left, and hears no more.
    private(set) var isOver = false

    /// A debugger comes: the guest stops.
    init(_ machine: any DebuggedMachine) {
        self.machine = machine
        machine.stop()
    }

    /// The debugger is gone: the guest goes on as if nobody had been there.
    mutating func leave() {
        guard !isOver else { return }
        isOver = true
        Self.release(machine)
    }

    /// Lets a guest go on without breakpoints.
    static func release(_ machine: (any DebuggedMachine)?) {
        guard let machine else { return }
        machine.resume(
            [DebuggedResumption](repeating: .goesOn, count: machine.cpuCount), breakpoints: [], watchpoints: [])
    }

    // MARK: Hearing and telling

    /// Hears one packet, or whatever else is next of what has arrived.
    ///
    /// - Parameter bytes: loses what was heard.
    /// - Returns: what is told; nil if all was heard.
    mutating func hear(_ bytes: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard !isOver, let event = reader.next(&bytes) else { return nil }
        switch event {
        case .interrupt:
            guard isRunning else { return [] }
            machine.stop()
            return stopped(DebuggedStop(cpu: currentCPU, signal: .interrupt))
        case .repeatLast: return acknowledges ? lastPacket : []
        case .damaged: return acknowledges ? [UInt8(ascii: "-")] : []
        case .packet(let body):
            let acknowledgement = acknowledges ? [UInt8(ascii: "+")] : []
            // One that runs hears the key and nothing else.
            guard !isRunning else { return acknowledgement }
            return acknowledgement + told(answer(to: body))
        }
    }

    /// The guest has stopped.
    ///
    /// - Parameter stop: why.
    /// - Returns: what is told; nothing if the debugger knows.
    mutating func stopped(_ stop: DebuggedStop) -> [UInt8] {
        guard isRunning, !isOver else { return [] }
        isRunning = false
        self.stop = stop
        currentCPU = stop.cpu
        steppedCPU = nil
        return told(.text(stopText))
    }

    /// The run is over.
    ///
    /// - Returns: what is told of it.
    mutating func ended() -> [UInt8] {
        guard isRunning, !isOver else { return [] }
        isRunning = false
        return told(.text("W00"))
    }

    var stopText: String {
        "T\(Hexadecimal.text(of: [stop.signal.rawValue]))thread:\(Self.thread(stop.cpu));"
            + (stop.access.map { "\($0.kind.word):\(String($0.address, radix: 16));" } ?? "")
    }

    private mutating func told(_ answer: Answer) -> [UInt8] {
        let packets: [[UInt8]] =
            switch answer {
            case .later: []
            case .text(let text): [Packet.framed(text.utf8)]
            case .bytes(let bytes): [Packet.framed(bytes)]
            case .ok: [Packet.framed("OK".utf8)]
            case .error(let failure): [Packet.framed("E\(Hexadecimal.text(of: [failure.rawValue]))".utf8)]
            case .unknown: [Packet.framed([])]
            case .packets(let first, let last): (first + [last]).map { Packet.framed($0.utf8) }
            }
        if let last = packets.last { lastPacket = last }
        return packets.flatMap(\.self)
    }

    // MARK: Packets

    private mutating func answer(to body: [UInt8]) -> Answer {
        guard let kind = body.first else { return .unknown }
        var text = PacketText(body.dropFirst())
        switch UnicodeScalar(kind) {
        case "?": return .text(stopText)
        case "g": return readRegisters()
        case "G": return writeRegisters(&text)
        case "p": return readRegister(&text)
        case "P": return writeRegister(&text)
        case "m": return readMemory(&text)
        case "M": return writeMemory(&text, isBinary: false)
        case "X": return writeMemory(&text, isBinary: true)
        case "H": return choose(&text)
        case "T": return cpu(&text) == nil ? .error(.noCPU) : .ok
        case "Z": return changeBreakpoint(&text, isThere: true)
        case "z": return changeBreakpoint(&text, isThere: false)
        case "c", "C", "s", "S": return goOn(as: UnicodeScalar(kind), &text)
        case "v": return answer(toVerbose: &text)
        case "q": return answer(toQuery: &text)
        case "Q": return set(&text)
        case "D":
            leave()
            return .ok
        case "k":
            kill()
            return .later
        default: return .unknown
        }
    }

    mutating func kill() {
        isOver = true
        machine.kill()
    }

    private mutating func set(_ text: inout PacketText) -> Answer {
        if text.take("StartNoAckMode") {
            acknowledges = false
            return .ok
        }
        if text.take("qemu.PhyMemMode:") {
            usesPhysicalAddresses = text.text != "0"
            return .ok
        }
        return .unknown
    }

    // MARK: Going on

    /// Lets the guest go on.
    mutating func resume(_ cpus: [DebuggedResumption]) -> Answer {
        isRunning = true
        machine.resume(cpus, breakpoints: Set(breakpoints.map(\.address)), watchpoints: watchpoints)
        return .later
    }

    // MARK: Threads

    /// A CPU as a thread.
    static func thread(_ cpu: Int) -> String { Hexadecimal.text(of: [UInt8(truncatingIfNeeded: cpu + 1)]) }

    /// Takes the thread of one CPU; nil if there is none. 0 is any: the current one.
    func cpu(_ text: inout PacketText) -> Int? {
        guard let number = text.takeNumber(), text.isAtEnd else { return nil }
        guard number > 0 else { return currentCPU }
        return number <= UInt64(machine.cpuCount) ? Int(number) - 1 : nil
    }

    private mutating func choose(_ text: inout PacketText) -> Answer {
        let isForStepping = text.take("c")
        guard isForStepping || text.take("g") else { return .unknown }
        if text.take("-1") {
            steppedCPU = nil
            return .ok
        }
        guard let cpu = cpu(&text) else { return .error(.noCPU) }
        if isForStepping { steppedCPU = cpu } else { currentCPU = cpu }
        return .ok
    }
}
