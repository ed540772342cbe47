// Copies of the kernel and the initrd that a VM last ran with.
//
// A guest that hibernated may have to be given the environment that it left though its files were replaced meanwhile, as a
// package manager does with kernels. Copies are named by their digest, made before the run, and shared by all runs with the same
// files.

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

    /// Keeps a copy of the file at `source`, whose digest is `fingerprint`. When it returns, the copy is on stable storage.
    ///
    /// A copy of the content, compared with the digest: a link would change with the file.
    func keep(_ source: String, _ fingerprint: Fingerprint) throws(HostError) {
        guard !has(fingerprint) else { return }
        try PrivateDirectory.makeMissing(directory)
        let draft: (path: String, descriptor: Int32)
        do throws(DurableFileError) {
            draft = try DurableFile.makeTemporary(in: directory, access: .ownerOnly)
        } catch { throw .file(path: directory, operation: "write to", reason: error.reason) }
        do throws(HostError) {
            defer { close(draft.descriptor) }
            try Self.copy(source, to: draft.descriptor, fingerprint)
            guard fsync(draft.descriptor) == 0, unsafe rename(draft.path, path(fingerprint)) == 0 else {
                throw .file(path: path(fingerprint), operation: "write", reason: String(errno: errno))
            }
        } catch {
            _ = unsafe unlink(draft.path)
            throw error
        }
        DurableFile.synchronizeDirectory(of: path(fingerprint))
    }

    private static let pieceByteCount = 1 << 20

    private static func copy(
        _ source: String, to descriptor: Int32, _ fingerprint: Fingerprint
    ) throws(HostError) {
        let copied: Fingerprint
        do {
            let output = FileDescriptor(rawValue: descriptor)
            let input = try FileDescriptor.open(FilePath(source), .readOnly, options: [.closeOnExec, .nonBlocking])
            copied = try input.closeAfter {
                try Fingerprint(ofPieces: { (update) throws(any Error) in
                    var piece = [UInt8](repeating: 0, count: pieceByteCount)
                    while true {
                        // Safe: `read` fills at most as many bytes as there are, and says how many it did.
                        let count = try unsafe piece.withUnsafeMutableBytes { try unsafe input.read(into: $0) }
                        if count == 0 { return }
                        let bytes = Array(piece.prefix(count))
                        try output.writeAll(bytes)
                        update(bytes)
                    }
                })
            }
        } catch { throw .file(path: source, operation: "keep a copy of", reason: "\(error)") }
        guard copied == fingerprint else {
            throw .file(path: source, operation: "keep a copy of", reason: "it changed meanwhile, so try again")
        }
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
