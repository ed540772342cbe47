// The disk by which cloud-init is told something: an ISO 9660 image with the volume id that its data source NoCloud looks
// for.
//
// Responsible for: having it made by what the host has for that, in a VM's directory. Not responsible for: what is on it
// (`CloudInitSeed`).

import FoundationEssentials
import Glibc
import HostSupport

enum SeedDisk {
    /// In a VM's directory, so that it goes where that goes.
    static let name = "cloud-init.iso"
    /// What is on the disk, for a copy's.
    static let directoryName = "cloud-init"

    /// mkisofs, or what takes its options. Each names the same three: a volume id, and long names in both ways.
    private static let makers = ["genisoimage", "mkisofs", "xorrisofs"]

    /// Makes the disk in `directory` of `files`, whose names have no slash, and leaves them beside it.
    static func make(_ files: [String: [UInt8]], in directory: String) throws(HostError) {
        let content = "\(directory)/\(directoryName)"
        try PrivateDirectory.makeMissing(content)
        for (name, bytes) in files {
            do throws(DurableFileError) {
                try DurableFile.write(bytes, to: "\(content)/\(name)", access: .ownerOnly)
            } catch { throw .file(path: "\(content)/\(name)", operation: "write", reason: error.reason) }
        }
        let path = "\(directory)/\(name)"
        try run(["-quiet", "-output", path, "-volid", "cidata", "-joliet", "-rock", content], path: path)
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        // Its owner's, whatever the umask.
        guard descriptor >= 0, fchmod(descriptor, 0o600) == 0, fsync(descriptor) == 0 else {
            throw .file(path: path, operation: "write", reason: String(errno: errno))
        }
    }

    /// What the disk in `directory` tells; nil if there is none that was made here.
    static func userData(in directory: String) throws(HostError) -> [UInt8]? {
        let path = "\(directory)/\(directoryName)/\(CloudInitSeed.userDataName)"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try VM.read(path, limit: CloudInitSeed.userDataLimit)
    }

    private static func run(_ arguments: [String], path: String) throws(HostError) {
        for maker in makers {
            do throws(HostProgram.Failure) {
                return try HostProgram.run([maker] + arguments)
            } catch {
                if error.isMissing { continue }
                throw .seedDisk(path: path, maker: maker, error)
            }
        }
        throw .noSeedMaker
    }
}
