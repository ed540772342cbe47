// The files of a machine, which must not be in each other's way.

import HostSupport

extension MachineConfiguration {
    /// Everything on the host that the machine reads or writes.
    public var paths: [String] {
        [kernel, initrd, uefi?.code, uefi?.variables, laboratory.diskLog].compactMap(\.self) + disks.map(\.path)
    }

    /// Throws if two disks are the same, or one is a part of the other, and one of them is written; or if the log of
    /// the disks would take the place of one. What is not there is said by whoever opens it.
    func checkDisks() throws(MachineError) {
        let identities = disks.map { FileIdentity(path: $0.path) }
        for second in disks.indices {
            for first in 0..<second {
                guard let one = identities[first], let other = identities[second],
                    !(disks[first].isReadOnly && disks[second].isReadOnly), FileIdentity.overlap(one, other)
                else { continue }
                throw .sameDisk(disks[first].path, disks[second].path)
            }
        }
        guard let log = laboratory.diskLog, let identity = FileIdentity(path: log) else { return }
        var others = identities
        others += [kernel, initrd, uefi?.code, uefi?.variables].map { $0.flatMap { FileIdentity(path: $0) } }
        guard !others.contains(where: { other in other.map { FileIdentity.overlap($0, identity) } ?? false }) else {
            throw .diskLog(path: log)
        }
    }
}
