// What records of the model `virt-1` leave unsaid, and what it was.
//
// The first ones had fewer facts than there are now. A released model never changes, so that an absent fact is known to
// be what it then was. The values are written here and not taken from the code that makes the machine: were that to
// change, the facts of today would differ from these, and a guest would not be resumed.

extension Environment {
    /// The model whose early records say less.
    private static let model = "virt-1"

    /// Of the machine, by path.
    private static let ofMachine = [
        "cpu.features":
            "FEAT_AES FEAT_ASID16 FEAT_AdvSIMD FEAT_CRC32 FEAT_CSV2 FEAT_CSV3 FEAT_DPB FEAT_DotProd FEAT_FP "
            + "FEAT_GICv3 FEAT_HAFDBS FEAT_LOR FEAT_LRCPC FEAT_LSE FEAT_PAN FEAT_PMULL FEAT_RDM FEAT_RNG FEAT_SHA1 "
            + "FEAT_SHA256 FEAT_TLBIOS FEAT_TLBIRANGE",
        "gic.stride": "0x20000", "gic.spis": "256", "gic.priority-bits": "5", "gic.typer": "0x5480008",
        "gic.iidr": "0x44000000", "gic.pidr2": "0x30", "gic.icc-ctlr": "0x48400",
        "timer.secure": "29", "timer.physical": "30", "timer.virtual": "27", "timer.hypervisor": "26",
        "uart.peripheral-id": "0x141011", "uart.fifo": "16", "rtc.peripheral-id": "0x41031",
    ]

    /// Of a virtio device, by its type and then by path.
    private static let ofDevice = [
        "block": ["queues": "256", "seg-max": "254", "block-size": "512"],
        "network": ["queues": "256 256"],
        "console": ["queues": "128 128"],
        "entropy": ["queues": "64"],
    ]

    /// Of every virtio device.
    private static let vendor = "0x4d524f44"

    /// The facts that this environment need not say.
    private var unsaid: [String: String] {
        guard schema == 1, facts["model"] == Self.model else { return [:] }
        var unsaid = Self.ofMachine
        unsaid["uart.state"] = facts["firmware.kind"] == "acpi" ? "on" : "off"
        for (path, type) in facts where path.hasPrefix("virtio.") && path.hasSuffix(".type") {
            let device = String(path.dropLast("type".count))
            unsaid[device + "vendor"] = Self.vendor
            for (name, value) in Self.ofDevice[type, default: [:]] { unsaid[device + name] = value }
        }
        return unsaid
    }

    /// Every fact, said or not.
    var allFacts: [String: String] { facts.merging(unsaid) { said, _ in said } }

    /// Those that say more than is known without them: what fingerprints are made of, so that a machine has the one
    /// that it had when less was said.
    var tellingFacts: [String: String] {
        let unsaid = unsaid
        return facts.filter { unsaid[$0.key] != $0.value }
    }
}
