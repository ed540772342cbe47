// A VM with a disk by which its guest's cloud-init is told something.

import DiskImages
import Machine

extension VMConfiguration {
    /// The same with the disk for cloud-init, behind all others if it was not there.
    fileprivate var withSeedDisk: VMConfiguration {
        guard disks?.contains(where: { $0.path == SeedDisk.name }) != true else { return self }
        var whole = self
        let disk = DiskConfiguration(path: SeedDisk.name, isReadOnly: true, format: .raw)
        whole.disks = (disks ?? []) + [Disk(disk)]
        return whole
    }
}

extension VM {
    /// Makes the disk in the VM's directory.
    ///
    /// - Parameters:
    ///   - seed: what is on it.
    ///   - configuration: the VM's, without the disk or with it.
    /// - Returns: the configuration with the disk, behind all others if it was not there.
    func add(_ seed: CloudInitSeed, to configuration: VMConfiguration) throws(HostError) -> VMConfiguration {
        let files: [String: [UInt8]]
        do {
            try seed.check()
            // A copy has a UUID and a generation id of its own.
            files = try seed.files(
                try configuration.guest?.setup() ?? GuestSetup(),
                instance: configuration.uuid ?? configuration.generationID ?? VMStore.randomIdentity())
        } catch { throw .configuration(path: configurationPath, reason: "\(error)") }
        let whole = configuration.withSeedDisk
        do throws(VMConfigurationError) {
            _ = try whole.machine()
        } catch { throw .seedSlot(reason: error.description) }
        try SeedDisk.make(files, in: path)
        return whole
    }

    /// What a copy's disk is made of, if this VM has such a disk; it is named in `configuration` as a file of the copy's
    /// directory then.
    func seedForCopy(_ configuration: inout VMConfiguration) throws(HostError) -> CloudInitSeed? {
        let own = "\(path)/\(SeedDisk.name)"
        guard let index = configuration.disks?.firstIndex(where: { $0.path == own }),
            let userData = try SeedDisk.userData(in: path)
        else { return nil }
        configuration.disks?[index].path = SeedDisk.name
        var seed = CloudInitSeed()
        seed.userData = userData
        return seed
    }
}
