// Whether there is such a machine, as far as that can be said without a look at the host.
//
// Not responsible for: files that are not there, or have something else in them, and what kinds of file do not go
// together, which is found as they are read.

import Boot

extension MachineConfiguration {
    /// Throws if no host could have this machine, whatever its files are.
    public func checkByItself() throws(MachineError) {
        guard (1...model.maximumCPUCount).contains(cpuCount) else {
            throw .cpuCount(cpuCount, limit: model.maximumCPUCount)
        }
        guard memoryByteCount >= 2 << 20, memoryByteCount <= 256 << 30, memoryByteCount % (2 << 20) == 0 else {
            throw .memorySize(memoryByteCount)
        }
        guard disks.count <= model.maximumDiskCount else {
            throw .tooManyDisks(disks.count, limit: model.maximumDiskCount)
        }
        for serial in disks.compactMap(\.serial) where !DiskConfiguration.isSerial(serial) { throw .diskSerial(serial) }
        if let id = generationID, id.count != GenerationID.byteCount { throw .generationID(byteCount: id.count) }
        if let uuid, uuid.count != SystemUUID.byteCount { throw .uuid(byteCount: uuid.count) }
        try checkFirmware()
        try checkNames()
        try checkNetworks()
        if watchdog == .hibernate, !hasButtons { throw .watchdogButton }
        try checkPorts()
        try checkShares()
        try checkBootOrder()
        try guest.check(model)
        guard laboratory.flash == nil || uefi != nil else { throw .laboratoryFlash }
        for disk in laboratory.disks.keys.sorted() where !disks.indices.contains(disk) { throw .laboratoryDisk(disk) }
    }

    /// Throws if two disks have one name and one of them is written, or if what the kernel is called by the
    /// configuration does not go with the rest. Which file a name is of is the host's to say (`checkDisks`).
    private func checkNames() throws(MachineError) {
        for second in disks.indices {
            for first in 0..<second where disks[first].path == disks[second].path {
                guard disks[first].isReadOnly, disks[second].isReadOnly else {
                    throw .sameDisk(disks[first].path, disks[second].path)
                }
            }
        }
        switch kernelFormat {
        case .flat:
            if initrd != nil { throw .initrdForFlatImage }
            if hardwareDescription == .acpi { throw .bootPlan(.flatImageWithACPI) }
        // UEFI's loader has a line of its own.
        case .linux where uefi == nil:
            let count = commandLine.utf8.count
            guard count <= BootPlan.maximumCommandLineByteCount else {
                throw .bootPlan(
                    .commandLineTooLong(byteCount: count, limit: BootPlan.maximumCommandLineByteCount))
            }
        case .linux, .auto: break
        }
    }
}
