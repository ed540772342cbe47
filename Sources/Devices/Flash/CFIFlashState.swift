// What a NOR flash knows, but for its contents, and what commands do to it. Intel StrataFlash P30 (306666), sections 9
// to 11.
//
// Responsible for: the command sequences, and which reads find what. Not responsible for: the contents, which a program
// or an erase changes by `CFIChange`.

import Hypervisor

/// What a command does to the contents.
enum CFIChange: Equatable {
    /// Clears bits: those that are zero in `bytes`, which came as one word or by the buffer.
    case program(offset: Int, bytes: [UInt8], isBuffered: Bool)
    /// Sets all bits of the block at `offset`.
    case erase(offset: Int)
}

/// The state of a bank.
struct CFIFlashState: Codable, Sendable {
    /// What a load finds.
    enum Reading: String, Codable {
        case array
        case status
        case identity
        case query
    }

    /// What the next store is.
    enum Expected: String, Codable {
        case command
        case word
        case eraseConfirmation
        case lockChange
        case bufferCount
        case bufferData
        case bufferConfirmation
    }

    /// A store to the buffer.
    struct BufferedWord: Codable, Equatable {
        var offset: Int
        var size: Int
        var value: UInt64
    }

    private(set) var reading = Reading.array
    private(set) var expected = Expected.command
    private(set) var status: CFIStatus = .ready
    /// The block that a buffered program is for.
    private var block = 0
    /// Stores to the buffer that are still to come.
    private var remaining = 0
    private var buffer: [BufferedWord] = []

    // MARK: Commands

    /// A store of `size` bytes, which lie in the bank.
    mutating func write(
        offset: Int, size: Int, value: UInt64, in geometry: CFIGeometry
    ) -> CFIChange? {
        // Both chips get the same, each in its half; the lower one is listened to.
        let code = UInt8(truncatingIfNeeded: value)
        switch expected {
        case .command: begin(code, offset: offset, geometry)
        case .word:
            expected = .command
            return .program(offset: offset, bytes: Self.bytes(value, size), isBuffered: false)
        case .eraseConfirmation:
            expected = .command
            if code == CFICommand.confirm { return .erase(offset: geometry.block(of: offset)) }
            fail(code)
        case .lockChange:
            expected = .command
            // Nobody needs the locks, which are gone after a reset anyway.
            let isKnown = [CFICommand.confirm, CFICommand.lock, CFICommand.lockDown].contains(code)
            if !isKnown { fail(code) }
        case .bufferCount:
            let count = Int(value & 0xFFFF) + 1
            guard count <= CFIGeometry.bufferWordCount else {
                end(failing: code)
                break
            }
            remaining = count
            expected = .bufferData
        case .bufferData:
            buffer.append(BufferedWord(offset: offset, size: size, value: value))
            remaining -= 1
            if remaining == 0 { expected = .bufferConfirmation }
        case .bufferConfirmation:
            guard code == CFICommand.confirm, let change = bufferedChange(geometry) else {
                end(failing: code)
                break
            }
            clearBuffer()
            return change
        }
        return nil
    }

    private mutating func begin(_ code: UInt8, offset: Int, _ geometry: CFIGeometry) {
        switch code {
        case CFICommand.readArray: reading = .array
        case CFICommand.readIdentity: reading = .identity
        case CFICommand.readQuery: reading = .query
        case CFICommand.readStatus: reading = .status
        case CFICommand.clearStatus: status = .ready
        case CFICommand.programWord, CFICommand.programWordAlternate: begin(.word)
        case CFICommand.eraseBlock: begin(.eraseConfirmation)
        case CFICommand.changeLock: begin(.lockChange)
        case CFICommand.programBuffer:
            block = geometry.block(of: offset)
            begin(.bufferCount)
        // Of other flashes, or none: drivers probe for those.
        default: reading = .array
        }
    }

    private mutating func begin(_ next: Expected) {
        reading = .status
        expected = next
    }

    /// The sequence was not one. A driver that gives up has read the array in mind.
    private mutating func fail(_ code: UInt8) {
        if code == CFICommand.readArray {
            reading = .array
        } else {
            status.formUnion(.sequenceError)
        }
    }

    private mutating func end(failing code: UInt8) {
        clearBuffer()
        fail(code)
    }

    private mutating func clearBuffer() {
        expected = .command
        block = 0
        remaining = 0
        buffer = []
    }

    /// What the buffer programs: one piece, with all bits set where nothing was stored. nil if it leaves the block.
    private func bufferedChange(_ geometry: CFIGeometry) -> CFIChange? {
        guard let first = buffer.map(\.offset).min(), let end = buffer.map({ $0.offset + $0.size }).max(),
            first >= block, end <= block + geometry.blockByteCount
        else { return nil }
        var bytes = [UInt8](repeating: 0xFF, count: end - first)
        for word in buffer {
            let start = word.offset - first
            bytes.replaceSubrange(start..<start + word.size, with: Self.bytes(word.value, word.size))
        }
        return .program(offset: first, bytes: bytes, isBuffered: true)
    }

    private static func bytes(_ value: UInt64, _ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
    }

    /// A change could not be made.
    mutating func failed(_ reason: CFIStatus) { status.formUnion(reason) }

    // MARK: Reading

    /// What each chip answers to a load of word `index`; nil if that finds the contents.
    func answer(word index: Int, isLocked: Bool, _ geometry: CFIGeometry) -> UInt8? {
        switch reading {
        case .array: nil
        case .status: status.rawValue
        case .identity: CFIGeometry.identity(index, isLocked: isLocked)
        case .query: geometry.query(index)
        }
    }

    // MARK: Checking

    /// Throws if no guest can bring a bank into this state.
    func check(_ geometry: CFIGeometry) throws(DeviceStateError) {
        try DeviceStateError.check(status.contains(.ready) && status.isSubset(of: .all), "status")
        let isBuffering = [.bufferCount, .bufferData, .bufferConfirmation].contains(expected)
        try DeviceStateError.check(expected == .command || reading == .status, "reading")
        let isBlock = (0..<geometry.byteCount).contains(block) && geometry.block(of: block) == block
        try DeviceStateError.check(isBuffering ? isBlock : block == 0, "block")
        let limit = CFIGeometry.bufferWordCount
        switch expected {
        case .bufferData:
            try DeviceStateError.check((1...limit).contains(remaining), "remaining")
            try DeviceStateError.check(buffer.count <= limit - remaining, "buffer")
        case .bufferConfirmation:
            try DeviceStateError.check(remaining == 0, "remaining")
            try DeviceStateError.check((1...limit).contains(buffer.count), "buffer")
        default:
            try DeviceStateError.check(remaining == 0, "remaining")
            try DeviceStateError.check(buffer.isEmpty, "buffer")
        }
        for word in buffer {
            try DeviceStateError.check([1, 2, 4, 8].contains(word.size), "buffer.size")
            let last = geometry.byteCount - word.size
            try DeviceStateError.check((0...last).contains(word.offset), "buffer.offset")
            let isWide = word.size == 8
            try DeviceStateError.check(isWide || word.value >> UInt64(word.size * 8) == 0, "buffer.value")
        }
    }
}
