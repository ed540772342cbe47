// A VM that gets another name, or goes.
//
// Both are one rename of its directory, so that a host that fails meanwhile has the VM or has it not. Its disks are its
// owner's, and stay where they are.

import Glibc
import HostSupport
import Machine

extension VM {
    /// The store that it is in.
    private var store: VMStore { VMStore(path: String(path.dropLast(name.count + 1))) }

    /// Takes it away, but for its disks.
    ///
    /// - Parameter losing: whether a hibernation that could be resumed may be lost, and what is damaged be taken for
    ///   nothing.
    public func remove(losing: Bool) throws(HostError) {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        if !losing {
            let state = try state()
            guard state.hibernation == nil, state.run == nil, state.lost == nil else {
                throw .wouldLose(
                    name: name,
                    what: state.hibernation != nil
                        ? "what its hibernated guest goes on with"
                        : state.run != nil
                            ? "what is known of a run that ended without a word" : "an image that can be put back")
            }
        }
        try VMDraft.remove(self, in: store.path)
    }

    /// Gives it another name.
    ///
    /// - Parameter name: that no VM of its store has.
    /// - Returns: the VM by that name.
    public func rename(to name: String) throws(HostError) -> VM {
        guard VMStore.isName(name) else { throw .badName(name) }
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        let renamed = VM(name: name, path: "\(store.path)/\(name)")
        guard unsafe access(renamed.path, F_OK) != 0 else { throw .exists(name: name, path: renamed.path) }
        var state = try state()
        // What is there is no empty directory, and would stay.
        guard unsafe Glibc.rename(path, renamed.path) == 0 else {
            throw .file(path: path, operation: "rename", reason: String(errno: errno))
        }
        DurableFile.synchronizeDirectory(of: renamed.path)
        // Before this it is a VM that was moved, which is as good.
        state.movePaths(to: renamed.path)
        state.home = renamed.path
        try renamed.write(state)
        return renamed
    }
}
