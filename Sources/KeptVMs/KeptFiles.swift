// Copies of the kernel, the initrd and the firmware that a VM last ran with.
//
// A guest that hibernated may have to be given the environment that it left though its files were replaced meanwhile,
// as a package manager does with kernels. Copies are named by their digest, made before the run, which loads them, and
// shared by all runs with the same files.

import FoundationEssentials
import Glibc
import Hibernation
import HostSupport
import Machine
import SystemPackage

struct KeptFiles {
    let directory: String

    init(_ vm: VM) {
        directory = "\(vm.path)/kept"
    }

    func path(_ fingerprint: Fingerprint) -> String { "\(directory)/\(fingerprint)" }

    func has(_ fingerprint: Fingerprint) -> Bool {
        FileManager.default.fileExists(atPath: path(fingerprint))
    }

    /// Measures the files of `machine`, and keeps copies, made while they are read: what is recorded of them, what is
    /// kept and what is loaded is the same, whoever replaces a file meanwhile.
    ///
    /// - Returns: the machine that loads the copies, which are on stable storage, and what was measured.
    func keep(_ machine: MachineConfiguration) throws -> (machine: MachineConfiguration, files: MeasuredFiles) {
        let files = try MeasuredFiles(of: machine) { try keep($0) }
        var machine = machine
        machine.kernelCopy = files.kernel.map(path)
        machine.initrdCopy = files.initrd.map(path)
        machine.uefi?.codeCopy = files.uefi.map(path)
        return (machine, files)
    }

    /// Copies a file, unless there is a copy.
    private func keep(_ file: HostFile) throws -> Fingerprint {
        try PrivateDirectory.makeMissing(directory)
        let draft: (path: String, descriptor: Int32)
        do throws(DurableFileError) {
            draft = try DurableFile.makeTemporary(in: directory, access: .ownerOnly)
        } catch { throw HostError.file(path: directory, operation: "write to", reason: error.reason) }
        defer {
            close(draft.descriptor)
            // Unless it has its name by then.
            _ = unsafe unlink(draft.path)
        }
        let output = FileDescriptor(rawValue: draft.descriptor)
        var byteCount = 0
        var failure: (any Error)?
        let fingerprint = try file.fingerprint { piece in
            byteCount += piece.count
            // That there is no room is no harm if the file was kept before.
            guard failure == nil else { return }
            do { try output.writeAll(piece) } catch { failure = error }
        }
        if isKept(fingerprint, byteCount) { return fingerprint }
        let path = path(fingerprint)
        if let failure { throw HostError.file(path: path, operation: "write", reason: "\(failure)") }
        guard fsync(draft.descriptor) == 0, unsafe rename(draft.path, path) == 0 else {
            throw HostError.file(path: path, operation: "write", reason: String(errno: errno))
        }
        DurableFile.synchronizeDirectory(of: path)
        return fingerprint
    }

    /// Whether there is a copy that is as long as it has to be.
    private func isKept(_ fingerprint: Fingerprint, _ byteCount: Int) -> Bool {
        var status = stat()
        // Safe: `stat` fills in the structure and does not keep its address.
        return unsafe stat(path(fingerprint), &status) == 0 && Int(status.st_size) == byteCount
    }

    /// Removes all copies but these.
    func removeAll(but kept: Set<Fingerprint>) {
        let names = Set(kept.map(\.description))
        for name in PrivateDirectory.names(in: directory) where !names.contains(name) {
            // A copy too many does no harm.
            _ = unsafe unlink("\(directory)/\(name)")
        }
    }
}
