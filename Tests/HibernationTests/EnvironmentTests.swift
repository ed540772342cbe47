import FoundationEssentials
import Testing

@testable import Hibernation

@Suite("Environment")
struct EnvironmentTests {
    private let base = Environment([
        "cpu.count": "2", "memory.size": "536870912", "kernel.sha256": "aa", "boot.arguments": "quiet",
        "virtio.0.type": "block", "virtio.0.sectors": "2048", "virtio.0.features": "0x1",
        "firmware.tables": "11",
    ])

    private func changed(_ changes: [String: String?]) -> Environment {
        var environment = base
        for (path, value) in changes { environment[path] = value }
        return environment
    }

    @Test("The canonical form is sorted and without white space")
    func canonical() {
        let environment = Environment(["b": "2/\"", "a": "1"])
        #expect(
            String(decoding: environment.canonicalJSON, as: UTF8.self) == #"{"facts":{"a":"1","b":"2/\""},"schema":1}"#)
    }

    @Test("The fingerprint is SHA-256 of the canonical form")
    func fingerprint() {
        // sha256sum of {"facts":{},"schema":1}
        #expect(
            "\(Environment().fingerprint)" == "\(Fingerprint(of: Array(#"{"facts":{},"schema":1}"#.utf8)))")
        // FIPS 180-4's example "abc".
        #expect(
            "\(Fingerprint(of: Array("abc".utf8)))"
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test("What is stored is read again")
    func codable() throws {
        let data = try JSONEncoder().encode(base)
        #expect(try JSONDecoder().decode(Environment.self, from: data) == base)
    }

    @Test("Another boot parameter is another environment, and no reason to give an image up")
    func bootArguments() {
        let other = changed(["boot.arguments": "quiet debug"])
        #expect(other.fingerprint != base.fingerprint)
        #expect(other.resumeFingerprint == base.resumeFingerprint)
        #expect(HardwareSignature.of(other, generation: 1) == HardwareSignature.of(base, generation: 1))
        #expect(other.differences(from: base).map(\.consequence) == [.mayChange])
    }

    @Test("A fact that must stay changes the hardware signature, and so does another generation")
    func signature() {
        let signature = HardwareSignature.of(base, generation: 1)
        #expect(signature == HardwareSignature.of(base, generation: 1))
        #expect(signature != HardwareSignature.of(base, generation: 2))
        #expect(signature != HardwareSignature.of(changed(["cpu.count": "3"]), generation: 1))
    }

    @Test("The hardware signature is never zero")
    func neverZero() {
        for generation in 0..<10_000 as Range<UInt64> {
            #expect(HardwareSignature.of(base, generation: generation) != 0)
        }
    }

    @Test("A difference is named with what was and what is")
    func difference() throws {
        let differences = changed(["memory.size": "1073741824", "firmware.tables": "22"]).differences(from: base)
        let difference = try #require(differences.first)
        // The tables follow from the rest.
        #expect(differences.count == 1)
        #expect(difference.path == "memory.size")
        #expect(difference.recorded == "536870912" && difference.today == "1073741824")
        #expect(difference.consequence == .guestNotices)
        #expect(difference.words.hasPrefix("memory.size was 536870912, is 1073741824"))
    }

    @Test("Tables that alone differ are a difference")
    func tables() {
        #expect(changed(["firmware.tables": "22"]).differences(from: base).map(\.path) == ["firmware.tables"])
    }

    @Test("A device that came or went is one difference")
    func devices() {
        let added = changed(["virtio.29.type": "network", "virtio.29.mac": "52:54:00:00:00:1d", "virtio.29.spi": "45"])
        #expect(
            added.differences(from: base).map(\.words) == [
                "virtio.29 was not there, is network (52:54:00:00:00:1d) (must match, or the guest hangs or corrupts itself)"
            ])
        #expect(base.differences(from: added).map(\.path) == ["virtio.29"])
        #expect(base.differences(from: added).first?.today == nil)
    }

    @Test("A fact that is not known here must match")
    func unknownFacts() {
        #expect(changed(["teleporter.phase": "3"]).differences(from: base).map(\.consequence) == [.mustMatch])
        var future = base
        future.schema = 2
        #expect(base.differences(from: future).map(\.path) == ["schema"])
    }
}
