// Clients that say anything: nothing traps, nothing outside of the share is read or changed, and answers keep to their
// form.

import Bytes
import Foundation
import NinePFS
import Testing

/// SplitMix64: random numbers that are the same in every run.
private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite("9P against a random client")
struct NinePFuzzTests {
    private static let types: [UInt8] = [
        8, 12, 14, 16, 18, 20, 22, 24, 26, 30, 32, 40, 50, 52, 54, 70, 72, 74, 76, 104, 108, 110, 110, 110, 116, 118,
        120, 122,
    ]
    private static let names = [
        "a", "b", "c", "..", ".", "link", "secret", "outside", "../outside", "/", "", "loop", "a\0", "user.a",
        "user.b",
        String(repeating: "n", count: 255), String(repeating: "n", count: 256),
    ]

    /// What `mapped-file` keeps for itself, and the same in other letters.
    private static let reservedNames = [".virtfs_metadata", ".VirtFS_metadata", ".virtfs_metadata_root"]

    /// The fields that messages of a type have: w a word, l a long, b a byte, o flags of open, s a name, f a fid, d
    /// data, n names.
    private static func form(_ type: UInt8) -> String {
        switch type {
        case 8, 22, 120, 122: "f"
        case 12: "fo"
        case 14: "fsoww"
        case 16: "fssw"
        case 18: "fswwww"
        case 20: "ffs"
        case 24: "fl"
        case 26: "fwwwwlllll"
        case 30: "ffs"
        case 32: "fslw"
        case 40, 116: "flw"
        case 50: "fw"
        case 52: "fbwllws"
        case 54: "fbllws"
        case 70: "ffs"
        case 72: "fsww"
        case 74: "fsfs"
        case 76: "fsw"
        case 104: "ffssw"
        case 108: "h"
        case 110: "ffn"
        case 118: "fld"
        default: "ww"
        }
    }

    private func number(_ random: inout Numbers) -> UInt64 {
        switch UInt8.random(in: 0..<6, using: &random) {
        case 0: 0
        case 1: UInt64.max
        case 2: 1 << UInt64.random(in: 0..<64, using: &random)
        case 3:
            [0, 1, 2, 0o101, 0o102, 0o1102, 0o200000, 0o100644, 0o40755, 0x200][Int.random(in: 0..<10, using: &random)]
        default: UInt64.random(in: 0..<5000, using: &random)
        }
    }

    private func message(_ random: inout Numbers, _ names: [String]) -> [UInt8] {
        let type = Self.types.randomElement(using: &random)!
        var body: [UInt8] = []
        for field in Self.form(type) {
            switch field {
            case "f": body += UInt32.random(in: 0..<8, using: &random).littleEndianBytes
            case "w": body += UInt32(truncatingIfNeeded: number(&random)).littleEndianBytes
            case "l": body += number(&random).littleEndianBytes
            case "o":
                let usual: [UInt32] = [0, 0, 2, 2, 1, 0o102, 0o1002, UInt32(truncatingIfNeeded: number(&random))]
                body += usual.randomElement(using: &random)!.littleEndianBytes
            case "b": body.append(UInt8.random(in: 0..<4, using: &random))
            case "h": body += UInt16.random(in: 0..<4, using: &random).littleEndianBytes
            case "s": body += Field.text(names.randomElement(using: &random)!).bytes
            case "n":
                let count = UInt16.random(in: 0..<4, using: &random)
                body += count.littleEndianBytes
                for _ in 0..<count { body += Field.text(names.randomElement(using: &random)!).bytes }
            default:
                let data = [UInt8](repeating: 0x77, count: Int.random(in: 0..<200, using: &random))
                body += UInt32(data.count).littleEndianBytes + data
            }
        }
        var message = UInt32(body.count + 7).littleEndianBytes + [type, 1, 0] + body
        // One in four is spoiled: cut, longer, or with another byte.
        switch UInt8.random(in: 0..<12, using: &random) {
        case 0: message = Array(message.prefix(Int.random(in: 0...message.count, using: &random)))
        case 1:
            message += (0..<Int.random(in: 0..<20, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
            }
        case 2: message[Int.random(in: 4..<message.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        default: break
        }
        return message
    }

    /// That nobody but the server wrote what owners and modes are kept in, below a directory.
    private func checkMetadata(_ directory: URL) throws {
        let line = try Regex("virtfs\\.(uid|gid|mode|rdev)=-?[0-9]+")
        var count = 0
        for path in try FileManager.default.subpathsOfDirectory(atPath: directory.path()) {
            let parts = path.split(separator: "/")
            #expect(!parts.contains(".VirtFS_metadata"), "\(path)")
            guard let place = parts.firstIndex(where: { $0.hasPrefix(".virtfs_metadata") }) else { continue }
            if parts[place] == ".virtfs_metadata_root" {
                #expect(parts.count == 1, "\(path)")
            } else if place == parts.count - 1 {
                continue
            } else {
                #expect(place == parts.count - 2 && !parts[place + 1].hasPrefix(".virtfs_metadata"), "\(path)")
            }
            // Of a name that is no text Foundation finds no file.
            guard !path.contains("\u{FFFD}") else { continue }
            let text = try String(contentsOf: directory.appending(path: path), encoding: .utf8)
            for found in text.split(separator: "\n") {
                #expect(try line.wholeMatch(in: found) != nil, "\(path): \(found)")
            }
            count += 1
        }
        #expect(count > 0)
    }

    @Test(
        "Whatever is said, nothing outside is touched or told",
        arguments: [NinePSecurityModel.none, .mapped, .mappedFile])
    func random(model: NinePSecurityModel) throws {
        let client = try NinePClient(model)
        let outside = client.outside.appending(path: "secret")
        let files = FileManager.default
        var random = Numbers(state: model == .none ? 1 : model == .mapped ? 2 : 3)
        let names = Self.names + (model == .mappedFile ? Self.reservedNames : [])
        var done: Set<UInt8> = []
        for round in 0..<20000 {
            if round % 400 == 0 {
                try client.begin()
                // A client may have taken it away from this user.
                try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: client.share.path())
                // What a guest could use, if the server let it.
                for (name, target) in [("link", client.outside), ("loop", client.share.appending(path: "loop"))] {
                    try? files.removeItem(at: client.share.appending(path: name))
                    try? files.createSymbolicLink(at: client.share.appending(path: name), withDestinationURL: target)
                }
            }
            let limit = Bool.random(using: &random) ? 1 << 16 : Int.random(in: 11..<200, using: &random)
            let message = message(&random, names)
            let answer = client.server.answer(message, limit: limit)
            guard message.count >= 7 else {
                #expect(answer.isEmpty)
                continue
            }
            #expect(answer.count >= 7 && answer.count <= limit, "\(message)")
            #expect(UInt32(littleEndianBytes: answer[..<4]) == UInt32(answer.count))
            #expect(answer[4] == 7 || answer[4] == message[4] &+ 1)
            if answer[4] != 7 { done.insert(message[4]) }
            #expect(answer.firstRange(of: Array("hidden".utf8)) == nil, "\(message)")
            // What owners and modes are kept in.
            #expect(answer.firstRange(of: Array("virtfs.mode=".utf8)) == nil, "\(message)")
            if round % 500 == 0 {
                #expect(try String(contentsOf: outside, encoding: .utf8) == "hidden")
                #expect(try files.contentsOfDirectory(atPath: client.outside.path()) == ["secret"])
                #expect(try files.contentsOfDirectory(atPath: client.base.path()).sorted() == ["outside", "share"])
            }
        }
        if model == .mappedFile { try checkMetadata(client.share) }
        // Most of what there is was done now and then.
        #expect(
            done.isSuperset(of: [8, 12, 14, 16, 18, 24, 26, 40, 72, 74, 76, 104, 110, 116, 118, 120, 30, 32]), "\(done)"
        )
        let saved = client.server.saved
        #expect(try NinePServer(NinePShare(path: client.share.path(), securityModel: model)).restore(saved))
    }
}
