// Two VMs from one: made so on purpose, or by copying a directory.
//
// A copy of a directory is the same machine twice: the same generation id, the same network addresses, and one
// hibernation that both would resume. `copy` makes another machine. A copy that was made otherwise is told by the place
// that its state names: if that is another directory, and a VM of the same identity is still there, this one is the
// copy. A directory that was moved, or came back from a backup, is the only one of its identity, and is as good as
// ever.

import Bytes
import DiskImages
import FoundationEssentials
import Glibc
import Hibernation
import HostSupport
import Machine

extension VM {
    /// Where the VM is that this one was copied from, if it is still there.
    func original(_ state: VMState) -> String? {
        guard let home = state.home, home != path, !isSameDirectory(home) else { return nil }
        let other = VM(name: name, path: home)
        guard let otherState = try? other.state(), otherState.identity == state.identity else { return nil }
        return home
    }

    private func isSameDirectory(_ other: String) -> Bool {
        guard let one = FileIdentity(path: path) else { return false }
        return one == FileIdentity(path: other)
    }

    /// Makes a copy a machine of its own: another identity, another generation id, and another UUID.
    func becomeOriginal(_ state: inout VMState) throws(HostError) {
        state.identity = VMStore.randomIdentity()
        state.home = path
        let configuration = try configuration()
        guard configuration.generationID != nil || configuration.uuid != nil else { return }
        // The file is the user's: one value is replaced, and the rest stays as it is.
        let text = String(decoding: try Self.read(configurationPath, limit: 1 << 20), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            if line.hasPrefix("generation-id") { return "generation-id = '\(VMStore.randomIdentity())'" }
            return line.hasPrefix("uuid") ? "uuid = '\(SystemUUID.text(of: VMStore.randomUUID()))'" : String(line)
        }
        try replaceConfiguration(lines.joined(separator: "\n"))
    }
}

extension VMStore {
    /// Makes another VM like `vm`, with an identity, a generation id, a UUID and network addresses of its own, on other
    /// disks.
    ///
    /// It resumes nothing: if `vm` hibernated, the copies of its disks have its image, and the first start is a clean
    /// boot.
    ///
    /// - Parameters:
    ///   - vm: what is copied.
    ///   - name: the other one's.
    ///   - disks: instead of those that the guest may write, in their order.
    public func copy(_ vm: VM, to name: String, disks: [String]) throws(HostError) -> VM {
        let lock = try vm.lock()
        defer { withExtendedLifetime(lock) {} }
        let source = try vm.state()
        var configuration = try vm.configuration()
        let writable = (configuration.disks ?? []).indices.filter { configuration.disks?[$0].readonly == false }
        guard writable.count == disks.count else {
            throw .copyDisks(name: vm.name, count: writable.count, given: disks.count)
        }
        for (index, path) in zip(writable, disks) {
            if let old = configuration.disks?[index].path, Self.isSameFile(old, path) {
                throw .sameDisk(path: path, name: vm.name)
            }
            configuration.disks?[index].path = path
        }
        if configuration.generationID != nil { configuration.generationID = Self.randomIdentity() }
        if configuration.uuid != nil { configuration.uuid = SystemUUID.text(of: Self.randomUUID()) }
        for index in (configuration.networks ?? []).indices { configuration.networks?[index].mac = Self.randomMAC() }
        let seed = try vm.seedForCopy(&configuration)
        return try create(name, configuration, variables: vm.variablesPath, seed: seed) { [configuration] state in
            guard let slept = Self.leftImage(source, configuration) else { return }
            // Another generation than that of the image: its kernel is to leave it alone.
            state.generation = max(source.generation, slept.record.generation) + 1
            state.hibernation = slept
        }
    }

    /// What the copies of the disks may have an image of.
    private static func leftImage(_ source: VMState, _ configuration: VMConfiguration) -> VMState.Slept? {
        var record: HibernationRecord
        if let slept = source.hibernation {
            record = slept.record
        } else {
            let hasImage = (configuration.disks ?? []).contains {
                HibernationFinding(path: $0.path, format: $0.diskFormat).image != nil
            }
            guard source.run != nil || hasImage else { return nil }
            record = HibernationRecord(
                dormouse: "unknown", time: UInt64(source.run?.since ?? "") ?? 0,
                call: .init(function: "unknown", functionID: "unknown", type: nil, core: 0),
                environment: source.run?.environment ?? Environment(), generation: source.generation,
                counter: UInt64(source.run?.counter ?? "") ?? 0, disks: nil)
        }
        // The disks are others.
        record.disks = nil
        return VMState.Slept(record: record, configuration: configuration)
    }

    private static func isSameFile(_ one: String, _ other: String) -> Bool {
        guard let first = FileIdentity(path: one), let second = FileIdentity(path: other) else { return one == other }
        return first == second
    }

    /// Of one station, with the prefix that virtual machines have.
    private static func randomMAC() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<3).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        return "52:54:00" + bytes.map { ":" + Hexadecimal.text(of: [$0]) }.joined()
    }
}
