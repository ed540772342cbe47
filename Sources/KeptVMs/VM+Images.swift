// What may be done to a hibernation without running the guest.
//
// A kernel that refuses its image puts the swap signature back, which consumes the image; so does a user who discards
// it. Either way the header's page was kept first, and the image comes back by writing it again, as long as nothing
// else was written. That is why a hibernation that was given up stays in the state as `lost`, until the VM hibernates
// again.

import DiskImages
import Hibernation
import Machine

extension VM {
    /// Begins another generation: the next start boots clean. A VM that is a copy becomes a machine of its own.
    ///
    /// - Returns: its number.
    public func bump() throws(HostError) -> UInt64 {
        try change("another generation was begun") { state throws(HostError) in
            if original(state) != nil { try becomeOriginal(&state) }
            state.generation += 1
            return state.generation
        }
    }

    /// Takes the images off the disks, and forgets the hibernation, or that there may be one.
    ///
    /// - Returns: the paths of the disks that had one.
    public func discardImages() throws(HostError) -> [String] {
        try change("the hibernation image was discarded") { state throws(HostError) in
            let slept = state.hibernation
            let configuration: VMConfiguration
            if let slept { configuration = slept.configuration } else { configuration = try self.configuration() }
            let machine = try machine(configuration, state)
            // Of a discard that was killed, some may be off their disks.
            let begun = state.lost.flatMap { $0.isChanging == true ? $0 : nil }
            let headers = if let begun { begun.headers } else { try Self.savedHeaders(machine) }
            guard !headers.isEmpty || slept?.isCertain == false else { throw .nothingToDiscard(name: name) }
            if !headers.isEmpty {
                let changes = DiskComparison(
                    recorded: slept?.record.disks, today: try VMRun.disks(configuration), differences: []
                ).changes
                let paths = (configuration.disks ?? []).map(\.path)
                // Kept before anything is written.
                let written = paths.indices.filter { index in changes.contains { $0.disk == index } }
                state.lost = begun ?? VMState.Lost(slept: slept, headers: headers, written: written.map { paths[$0] })
                state.lost?.isChanging = true
                try write(state)
                try Self.discardImages(machine)
                state.lost?.isChanging = nil
                state.lost?.disks = try VMRun.disks(configuration, as: .sampled)
            }
            state.hibernation = nil
            state.run = nil
            return headers.map(\.path)
        }
    }

    /// Puts the images back that were given up last.
    ///
    /// - Returns: the paths of the disks that have one again.
    public func restoreImages() throws(HostError) -> [String] {
        try change("the hibernation image was put back") { state throws(HostError) in
            guard let lost = state.lost else { throw .nothingToRestore(name: name) }
            if let path = lost.written.first {
                throw .cannotRestore(name: name, reason: "\(path) was written since the guest hibernated")
            }
            // Nor by anybody else, unless it was a process of ours that was killed at this.
            if let left = lost.disks, lost.isChanging != true {
                let configuration: VMConfiguration
                if let slept = lost.slept {
                    configuration = slept.configuration
                } else {
                    configuration = try self.configuration()
                }
                let changes = DiskComparison(
                    recorded: left, today: try VMRun.disks(configuration, as: .sampled), differences: []
                ).changes
                guard changes.isEmpty else {
                    throw .cannotRestore(name: name, reason: changes.map(\.words).joined(separator: "; "))
                }
            }
            guard state.run == nil else {
                throw .cannotRestore(name: name, reason: "nobody knows what the run after it wrote")
            }
            let disks = if let slept = lost.slept { slept.configuration.disks } else { try configuration().disks }
            state.lost?.isChanging = true
            try write(state)
            var isAnyBack = lost.isChanging == true
            do throws(ImageHeaderError) {
                for header in lost.headers {
                    let disk = disks?.first { $0.path == header.path }
                    try HibernationImage.restore(header.header, onDiskAt: header.path, format: disk?.diskFormat)
                    isAnyBack = true
                }
            } catch {
                // One that is not whole is not written, and all is as it was.
                if !isAnyBack {
                    state.lost?.isChanging = nil
                    try write(state)
                }
                throw .cannotRestore(name: name, reason: "\(error)")
            }
            if var slept = lost.slept {
                // The disks are as the guest left them, by their content; the host's file system says otherwise now.
                slept.record.disks = try VMRun.disks(slept.configuration)
                state.generation = slept.record.generation
                state.hibernation = slept
            }
            state.lost = nil
            state.run = nil
            return lost.headers.map(\.path)
        }
    }

    /// Changes the state of a VM that does not run, for a reason in words.
    private func change<Result>(
        _ cause: String, _ body: (inout VMState) throws(HostError) -> Result
    ) throws(HostError) -> Result {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        let life = VMLife(self)
        var state = try state()
        let before = state.restingState
        let result = try body(&state)
        try write(state)
        if state.restingState != before { life.move(to: state.restingState, cause: cause) }
        return result
    }

    /// The machine of a configuration, with what is known of its disks.
    private func machine(
        _ configuration: VMConfiguration, _ state: VMState
    ) throws(HostError) -> MachineConfiguration {
        do throws(VMConfigurationError) {
            var machine = try configuration.machine()
            machine.knownHeaderEnds = state.knownHeaderEnds
            return machine
        } catch { throw .configuration(path: configurationPath, reason: error.description) }
    }

    /// The headers of all images on the disks that the guest may write.
    static func savedHeaders(_ machine: MachineConfiguration) throws(HostError) -> [VMState.Lost.Header] {
        var headers: [VMState.Lost.Header] = []
        for (index, disk) in machine.disks.enumerated() where !disk.isReadOnly {
            do throws(ImageHeaderError) {
                let selection = machine.swapSelection(ofDisk: index)
                guard
                    let header = try HibernationImage.savedHeader(
                        onDiskAt: disk.path, format: disk.format, selection)
                else { continue }
                headers.append(VMState.Lost.Header(path: disk.path, header: header))
            } catch { throw .image(path: disk.path, reason: "\(error)") }
        }
        return headers
    }

    static func discardImages(_ machine: MachineConfiguration) throws(HostError) {
        for (index, disk) in machine.disks.enumerated() where !disk.isReadOnly {
            do throws(ImageHeaderError) {
                _ = try HibernationImage.discard(
                    onDiskAt: disk.path, format: disk.format, machine.swapSelection(ofDisk: index))
            } catch { throw .image(path: disk.path, reason: "\(error)") }
        }
    }
}

extension VMState.Lost {
    /// Notes what a run wrote since the image was given up. A kernel that refuses an image writes its header, once.
    mutating func note(_ writeCounts: [UInt64], of disks: [DiskConfiguration]) {
        for (count, disk) in zip(writeCounts, disks) {
            let allowed: UInt64 = headers.contains { $0.path == disk.path } ? 1 : 0
            if count > allowed, !written.contains(disk.path) { written.append(disk.path) }
        }
    }
}
