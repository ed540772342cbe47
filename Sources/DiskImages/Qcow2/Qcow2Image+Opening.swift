// Opening a qcow2 image that is in a file of the host.

import HostSupport

extension Qcow2Image {
    /// The image in `disk`, which the caller has opened and locked.
    ///
    /// - Parameters:
    ///   - disk: its file.
    ///   - path: the file's, which names of backing files are relative to.
    ///   - readOnly: refuses to write it.
    ///   - isNamed: whether somebody said that it is a qcow2 image. If it only looks like one, it may be a raw disk
    ///     whose guest made it look so, and it must not name other files.
    ///   - locksBacking: whether others are kept from writing the files behind it.
    /// - Throws: why it cannot be used.
    public convenience init(
        _ disk: HostDisk, path: String, readOnly: Bool, isNamed: Bool, locksBacking: Bool = true
    ) throws(DiskImageError) {
        let file = HostImageFile(disk, path: path)
        let header = try Qcow2Header(file)
        if !isNamed, let backing = header.backingName { throw .unnamedFormat(path: path, backing: backing) }
        let identities = FileIdentity(path: path).map { [$0] } ?? []
        let chain = try BackingChain(behind: header, at: path, identities: identities, locks: locksBacking)
        try self.init(file, header: header, readOnly: readOnly, chain: chain)
    }

    /// The same, opened and locked here.
    ///
    /// - Parameters:
    ///   - path: the image's.
    ///   - readOnly: refuses to write it.
    /// - Throws: why it cannot be used.
    public convenience init(path: String, readOnly: Bool) throws(DiskImageError) {
        let disk = try HostDisk.open(imageAt: path, forWriting: !readOnly)
        try disk.lockImage(at: path, exclusively: !readOnly)
        try self.init(disk, path: path, readOnly: readOnly, isNamed: true)
    }

    /// The size of the guest's disk in the image in `disk`, which need not be locked.
    ///
    /// - Parameters:
    ///   - disk: the image's file.
    ///   - path: the file's.
    /// - Returns: bytes.
    /// - Throws: why it is no image that can be used.
    public static func byteCount(of disk: HostDisk, path: String) throws(DiskImageError) -> UInt64 {
        try Qcow2Header(HostImageFile(disk, path: path)).byteCount
    }

    /// Lets others have the files behind the image. It is not used any more.
    public func unlockBacking() {
        for file in backingFiles { file.disk.unlock() }
    }
}
