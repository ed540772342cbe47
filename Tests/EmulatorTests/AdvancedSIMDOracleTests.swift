// Every encoding of Advanced SIMD and cryptography against another implementation.
//
// The expected values in `AdvancedSIMDOracle` were recorded by running each word natively, as an instruction of a small
// AArch64 Linux program (Tests/Oracle/vectors.c), under QEMU's user emulation (version 7.2, `-cpu max`): four times, each
// from the state that `Generator` makes with the seed `word << 8 | run`, and hashing v0–v31, x0–x30 and FPSR.QC afterwards
// as below. scripts/record-vectors does that, and adds words.

import Arm64
import Foundation
import TestSupport
import Testing

@testable import Emulator

@Suite("Advanced SIMD: against QEMU")
struct AdvancedSIMDOracleTests {
    /// The generator of register values: SplitMix64.
    struct Generator {
        var seed: UInt64

        mutating func next() -> UInt64 {
            seed &+= 0x9E37_79B9_7F4A_7C15
            var value = seed
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }

        /// Half of the time random bits; else elements of one size, each near the edge of its range or small.
        mutating func doubleword() -> UInt64 {
            let kind = next() & 7
            let bits = next()
            guard kind >= 4 else { return bits }
            let width = UInt64(8) << (kind - 4)
            let least = UInt64(1) << (width - 1)
            let values: [UInt64] = [0, 1, .max, least, least &- 1, least &+ 1, 3, 0 &- 3]
            return (0..<64 / width).reduce(UInt64(0)) { result, element in
                let value = values[Int(bits >> (4 * element) & 7)] & (.max >> (64 - width))
                return result | value << (width * element)
            }
        }
    }

    /// The hash of the state after four runs of `word`, or nil if it is undefined.
    static func hash(of word: UInt32) throws -> UInt64? {
        guard VectorTestCPU.operations(of: word) != nil else { return nil }
        // FNV-1a over doublewords, with a fold after each run.
        let prime: UInt64 = 0x100_0000_01B3
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        let cpu = VectorTestCPU()
        for run in UInt64(0)..<4 {
            var generator = Generator(seed: UInt64(word) << 8 | run)
            for register in UInt8(0)..<32 {
                let low = generator.doubleword()
                cpu.setVector(register, SIMD2(low, generator.doubleword()))
            }
            for register in 0..<31 { cpu.state.x[register] = generator.doubleword() }
            cpu.hasSaturated = false
            try cpu.run(String(word, radix: 16), word)
            for register in UInt8(0)..<32 {
                let value: SIMD2<UInt64> = cpu.vector(register)
                hash = (hash ^ value[0]) &* prime
                hash = (hash ^ value[1]) &* prime
            }
            for register in 0..<31 { hash = (hash ^ cpu.state.x[register]) &* prime }
            hash = (hash ^ UInt64(cpu.state.fpsr & VectorTestCPU.qc)) &* prime
            hash ^= hash >> 29
        }
        return hash
    }

    @Test("Every encoding leaves the same registers and FPSR.QC as QEMU")
    func results() throws {
        for (word, expected) in AdvancedSIMDOracle.results {
            let instruction = try #require(CPUModel.everything.decoder.decode(word))
            #expect(try Self.hash(of: word) == expected, "\(instruction) \(String(word, radix: 16))")
        }
    }

    /// A word, whether the oracle takes it for an instruction, and the hash of the state after it.
    struct Answer: Equatable {
        var word: UInt32
        var isDefined: Bool
        var hash: UInt64
    }

    /// What QEMU says of words now.
    static func ask(_ words: [UInt32]) throws -> [Answer] {
        let input = try TemporaryFile(words.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) })
        let output = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(QemuProcess.executable))
        process.arguments = ["-cpu", "max", try OraclePrograms.directory.get() + "/vectors"]
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: input.path))
        process.standardOutput = output
        try process.run()
        let bytes = [UInt8](output.fileHandleForReading.readDataToEndOfFile())
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count - 15, by: 16).map { offset in
                Answer(
                    word: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)),
                    isDefined: bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self) != 0,
                    hash: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)))
            }
        }
    }

    @Test(
        "What was recorded is what QEMU leaves, and takes for undefined, today",
        .needs(QemuProcess.executable != nil, "qemu-aarch64 is not installed"))
    func recording() throws {
        let results = AdvancedSIMDOracle.results.map { Answer(word: $0.0, isDefined: true, hash: $0.1) }
        #expect(try Self.ask(results.map(\.word)) == results)
        let reserved = try Self.ask(AdvancedSIMDOracle.reserved)
        #expect(reserved.map(\.word) == AdvancedSIMDOracle.reserved)
        #expect(reserved.allSatisfy { !$0.isDefined })
    }

    @Test("The recorded words cover every row of the table and every opcode")
    func coverage() {
        let words = AdvancedSIMDOracle.results.map(\.0)
        for row in EncodingTable.all where row.group == .advancedSIMD || row.group == .cryptography {
            #expect(words.contains { row.matches($0) }, "no word was recorded of \(row.instruction) \(row.pattern)")
        }
        let operations = words.compactMap(VectorTestCPU.operations).joined()
        let vector = Set(operations.filter { $0.code == .vector }.map(\.sub))
        let crypto = Set(operations.filter { $0.code == .crypto }.map(\.sub))
        #expect(VectorOpcode.allCases.filter { !vector.contains($0.rawValue) } == [])
        #expect(CryptoOpcode.allCases.filter { !crypto.contains($0.rawValue) } == [])
    }

    @Test("Reserved combinations of fields are undefined, as they are to QEMU")
    func reserved() {
        for word in AdvancedSIMDOracle.reserved {
            #expect(VectorTestCPU.operations(of: word) == nil, "\(String(word, radix: 16))")
        }
    }
}
