import Testing

@testable import Hibernation

@Suite("Facts that early records do not have")
struct UnsaidFactsTests {
    /// As the first version of Dormouse recorded a machine, but for facts that do not matter here.
    private static let recorded = [
        "model": "virt-1", "firmware.kind": "dt", "gic.distributor": "0x8000000", "virtio.0.type": "block",
        "virtio.0.sectors": "8", "virtio.31.type": "entropy",
    ]

    private func environment(_ more: [String: String], model: String = "virt-1") -> Environment {
        Environment(Self.recorded.merging(more) { $1 }.merging(["model": model]) { $1 })
    }

    /// What the released model had, from its documents: DDI 0183 and 0224 for the peripherals, IHI 0069 for the GIC.
    private static let known = [
        "gic.priority-bits": "5", "gic.spis": "256", "uart.peripheral-id": "0x141011", "rtc.peripheral-id": "0x41031",
        "uart.state": "off", "timer.virtual": "27", "virtio.0.queues": "256", "virtio.0.seg-max": "254",
        "virtio.0.block-size": "512", "virtio.31.queues": "64",
    ]

    @Test("A fact that a record of virt-1 does not have is what it was when the model was released")
    func absent() {
        let today = environment(Self.known)
        #expect(today.differences(from: environment([:])).isEmpty)
        #expect(environment([:]).differences(from: today).isEmpty)
        #expect(today.fingerprint == environment([:]).fingerprint)
        #expect(today.resumeFingerprint == environment([:]).resumeFingerprint)
        #expect(HardwareSignature.of(today, generation: 1) == HardwareSignature.of(environment([:]), generation: 1))
    }

    @Test("One that is another one today is seen", arguments: known.keys.sorted())
    func changed(path: String) {
        let today = environment([path: "9"])
        let differences = today.differences(from: environment([:]))
        #expect(differences.map(\.path) == [path])
        #expect(differences.first?.recorded == Self.known[path])
        #expect(differences.first?.consequence == .mustMatch)
        #expect(today.resumeFingerprint != environment([:]).resumeFingerprint)
    }

    @Test("With ACPI, firmware had turned the serial port on")
    func serialPort() {
        let recorded = environment(["firmware.kind": "acpi"])
        #expect(environment(["firmware.kind": "acpi", "uart.state": "on"]).differences(from: recorded).isEmpty)
        #expect(!environment(["firmware.kind": "acpi", "uart.state": "off"]).differences(from: recorded).isEmpty)
    }

    @Test("Of another model nothing is known that is not said")
    func otherModel() {
        let today = environment(Self.known, model: "virt-2")
        let recorded = environment([:], model: "virt-2")
        #expect(Set(today.differences(from: recorded).map(\.path)) == Set(Self.known.keys))
        #expect(today.fingerprint != recorded.fingerprint)
    }
}
