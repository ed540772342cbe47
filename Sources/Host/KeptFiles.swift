// Copies of the kernel and the initrd that a VM last ran with.
//
// A guest that hibernated may have to be given the environment that it left though its files were replaced meanwhile, as a
// package manager does with kernels. Copies are named by their digest, made before the run, and shared by all runs with the same
// files.

import FoundationEssentials
import Glibc
import Hibernation
import Machine

struct KeptFiles {
    let directory: String

    init(_ vm: VM) {
        directory = "\(vm.path)/kept"
    }

    func path(_ fingerprint: Fingerprint) -> String { "\(directory)/\(fingerprint)" }

    func has(_ fingerprint: Fingerprint) -> Bool {
        FileManager.default.fileExists(atPath: path(fingerprint))
    }

    /// Keeps a copy of the file at `source`, whose digest is `fingerprint`.
    func keep(_ source: String, _ fingerprint: Fingerprint) throws(HostError) {
        guard !has(fingerprint) else { return }
        let draft = "\(path(fingerprint)).\(getpid()).tmp"
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            // A copy of the content: a link would change with the file. The host may share the blocks.
            try? FileManager.default.removeItem(atPath: draft)
            try FileManager.default.copyItem(
                atPath: URL(filePath: source).resolvingSymlinksInPath().path, toPath: draft)
        } catch { throw .file(path: source, operation: "keep a copy of", reason: "\(error)") }
        guard unsafe rename(draft, path(fingerprint)) == 0 else {
            throw .file(path: path(fingerprint), operation: "write", reason: String(errno: errno))
        }
    }

    /// Removes all copies but these.
    func removeAll(but kept: Set<Fingerprint>) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        for name in names where !kept.contains(where: { "\($0)" == name }) {
            // A copy too many does no harm.
            try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
    }
}
