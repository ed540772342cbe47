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
        // The file is the user's: two values are replaced, and the rest stays as it is.
        var settings: [String] = []
        if configuration.generationID != nil { settings.append("generation-id=\(VMStore.randomIdentity())") }
        if configuration.uuid != nil { settings.append("uuid=\(SystemUUID.text(of: VMStore.randomUUID()))") }
        if !settings.isEmpty { try set(settings) }
    }
}

extension VM {
    /// Has the VM write to overlays from its next start on. What is below them is not written any more.
    ///
    /// - Parameter configuration: what the overlays were made for; the VM may have been given other disks meanwhile.
    func goOn(
        inOverlays disks: [CopiedDisk], _ indices: [Int], _ configuration: VMConfiguration
    ) throws(HostError) {
        var settings: [String] = []
        for (index, disk) in zip(indices, disks) {
            guard let path = disk.ownersPath else { continue }
            settings += ["disk[\(index + 1)].path=\(path)", "disk[\(index + 1)].format=\(disk.format.rawValue)"]
        }
        guard !settings.isEmpty else { return }
        try changeConfiguration { text throws(HostError) in
            guard try self.configuration().disks == configuration.disks else {
                throw .disksChanged(name: name)
            }
            return try self.text(text, settings: settings)
        }
        for disk in disks { disk.protectOriginal() }
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
    ///   - disks: instead of those that the guest may write.
    ///   - progress: called while much of a disk is copied.
    /// - Returns: the other one, and the disks that were made for it.
    public func copy(
        _ vm: VM, to name: String, disks: CopiedDisks, progress: DiskProgress = { _, _, _ in }
    ) throws(HostError) -> (vm: VM, disks: [CopiedDisk]) {
        let lock = try vm.lock()
        defer { withExtendedLifetime(lock) {} }
        guard Self.isName(name) else { throw .badName(name) }
        let path = "\(self.path)/\(name)"
        guard !FileManager.default.fileExists(atPath: path) else { throw .exists(name: name, path: path) }
        let source = try vm.state()
        let original = try vm.configuration()
        var configuration = original
        let writable = (configuration.disks ?? []).indices.filter { configuration.disks?[$0].readonly == false }
        let made = try make(disks, of: vm, source, configuration, writable, for: name, progress)
        do throws(HostError) {
            if case .made(let paths) = disks {
                for (index, path) in zip(writable, paths) { configuration.disks?[index].path = path }
            }
            for (index, disk) in zip(writable, made) {
                configuration.disks?[index].path = disk.path
                configuration.disks?[index].format = disk.format.rawValue
            }
            if configuration.generationID != nil { configuration.generationID = Self.randomIdentity() }
            if configuration.uuid != nil { configuration.uuid = SystemUUID.text(of: Self.randomUUID()) }
            for index in (configuration.networks ?? []).indices {
                configuration.networks?[index].mac = Self.randomMAC()
            }
            let seed = try vm.seedForCopy(&configuration)
            // Before there is a copy that relies on it.
            try vm.goOn(inOverlays: made, writable, original)
            let copy = try create(name, configuration, variables: vm.variablesPath, seed: seed) {
                [configuration] state in
                guard let slept = Self.leftImage(source, configuration) else { return }
                // Another generation than that of the image: its kernel is to leave it alone.
                state.generation = max(source.generation, slept.record.generation) + 1
                state.hibernation = slept
            }
            return (copy, made)
        } catch {
            // What the VM itself goes on in by now stays.
            let own = Set((try? vm.configuration())?.disks?.map(\.path) ?? [])
            for disk in made where disk.ownersPath.map({ !own.contains($0) }) ?? true { disk.remove() }
            throw error
        }
    }

    /// The disks that are made for a copy; none if somebody made them.
    private func make(
        _ disks: CopiedDisks, of vm: VM, _ source: VMState, _ configuration: VMConfiguration, _ writable: [Int],
        for name: String, _ progress: DiskProgress
    ) throws(HostError) -> [CopiedDisk] {
        let originals = writable.compactMap { configuration.disks?[$0] }
        var made: [CopiedDisk] = []
        do throws(HostError) {
            switch disks {
            case .made(let paths):
                guard paths.count == originals.count else {
                    throw .copyDisks(name: vm.name, count: originals.count, given: paths.count)
                }
                for (disk, path) in zip(originals, paths) where Self.isSameFile(disk.path, path) {
                    throw .sameDisk(path: path, name: vm.name)
                }
            case .overlays(let directory):
                // A guest that is resumed finds the disk that it left, and an image that is put back goes where it was.
                guard source.hibernation == nil, source.run == nil, source.lost == nil else {
                    throw .cannotShare(name: vm.name)
                }
                for disk in originals { made.append(try .overlay(of: disk, (vm.name, name), in: directory)) }
            case .full(let directory):
                for disk in originals { made.append(try .full(disk, name, in: directory, progress: progress)) }
            }
            return made
        } catch {
            for disk in made { disk.remove() }
            throw error
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
