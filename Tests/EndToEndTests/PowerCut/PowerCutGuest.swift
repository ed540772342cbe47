// The guest whose power is cut: Linux with a swap disk and an ext4 disk, doing dormouse.test=powercut.

import Foundation

/// The disks of one guest: the swap area, and the file system.
struct PowerCutDisks {
    static let swapMebibytes = 128
    static let storeMebibytes = 16

    var swap: URL
    var store: URL

    var all: [URL] { [swap, store] }

    /// New disks as before the first boot.
    init(_ scratch: Scratch, _ name: String) throws {
        swap = try scratch.makeDisk("\(name)-swap.img", mebibytes: UInt64(Self.swapMebibytes))
        store = try scratch.makeDisk("\(name)-store.img", mebibytes: UInt64(Self.storeMebibytes))
        try Self.emptyStore.get().write(to: store)
    }

    /// A file system, made once for all.
    private static let emptyStore = Result {
        let scratch = try Scratch("power-cut-store")
        let disk = try scratch.makeDisk("store.img", mebibytes: UInt64(storeMebibytes))
        try Ext4.make(disk, mebibytes: storeMebibytes)
        return try Data(contentsOf: disk)
    }

    func remove() {
        for disk in all { try? FileManager.default.removeItem(at: disk) }
    }
}

extension GuestMachine {
    /// - Parameters:
    ///   - deterministic: on the instruction clock; else on the host's.
    ///   - synced: how many files were synced when the power was cut; nil in the runs in which it is cut.
    static func powerCut(
        _ disks: PowerCutDisks, deterministic: Bool, synced: Int? = nil, laboratory: [String] = []
    ) -> GuestMachine {
        var machine = GuestMachine(.systemOff2, test: "powercut")
        machine.disks = disks.all
        machine.append += ["dormouse.mib=4"]
        if let synced { machine.append += ["dormouse.synced=\(synced)"] }
        machine.options = ["--memory", "384"]
        if deterministic { machine.options += ["--clock", "instructions"] }
        machine.options += laboratory.flatMap { ["--lab", $0] }
        return machine
    }
}

/// What Guests/linux/init says in this test.
struct PowerCutConsole {
    var text: String

    /// The number of the last file that is said to be synced, in a line that is complete; 0 if none is.
    var synced: Int {
        text.matches(of: /dormouse: synced (\d+) \(uptime .*\n/).compactMap { Int($0.1) }.max() ?? 0
    }

    var hibernationChecksum: String? { checksum(after: "hibernating, sha256 ") }
    var resumedChecksum: String? { checksum(after: "resumed, sha256 ok ") }
    var refusedImage: Bool { text.contains("dormouse: clean boot, the kernel refused the image") }
    var foundNoImage: Bool { text.contains("dormouse: clean boot, there is no image") }

    /// How many files were checked, and were what they had been.
    var checkedFiles: Int? {
        text.matches(of: /dormouse: files ok, (\d+) synced/).compactMap { Int($0.1) }.last
    }

    private func checksum(after words: String) -> String? {
        text.firstRange(of: "dormouse: " + words).map { String(text[$0.upperBound...].prefix(64)) }
    }
}
