// What can go wrong with the VMs that are kept here. Each text is one line for the user: what, and what to do.

import HostSupport

/// Why a VM cannot be created, read, started or spoken to.
public enum HostError: AttributedError {
    case badName(String)
    /// Nobody said where VMs are, and the user has no home.
    case noHome
    case exists(name: String, path: String)
    case notFound(name: String, store: String)
    case running(name: String, process: String)
    case notRunning(name: String)
    case configuration(path: String, reason: String)
    case noConfiguration(name: String, path: String)
    case state(name: String, path: String, reason: String)
    case file(path: String, operation: String, reason: String)
    case control(name: String, reason: String)
    case disk(reason: String)
    case image(path: String, reason: String)
    case nothingToDiscard(name: String)
    case nothingToRestore(name: String)
    case cannotRestore(name: String, reason: String)
    case copyDisks(name: String, count: Int, given: Int)
    case sameDisk(path: String, name: String)
    /// Its disk cannot be what two VMs have in common.
    case cannotShare(name: String)
    case setting(name: String, reason: String)
    /// Another process has been changing the file for seconds.
    case isBeingChanged(path: String)
    /// The VM was given other disks while its disks were copied.
    case disksChanged(name: String)
    /// Nothing on the host makes a disk for cloud-init.
    case noSeedMaker
    case seedDisk(path: String, maker: String, HostProgram.Failure)
    /// The machine has no room for that disk.
    case seedSlot(reason: String)
    /// Removing it would lose something.
    case wouldLose(name: String, what: String)

    public var description: String {
        switch self {
        case .badName(let name):
            "\"\(name)\" is no name for a VM; take up to 64 letters, digits, '-', '_' and '.', the first a letter or a digit"
        case .noHome:
            "there is no place for VMs: neither $HOME nor the host says where this user's home directory is"
        case .exists(let name, let path):
            "there is a VM \(name) already, in \(path); take another name, or remove that directory"
        case .notFound(let name, let store):
            "there is no VM \(name) in \(store)"
        case .running(let name, let process):
            "VM \(name) is in use by process \(process); wait for it, or stop it"
        case .notRunning(let name):
            "VM \(name) is not running; start it"
        case .configuration(let path, let reason):
            "\(path) cannot be used: \(reason); correct it"
        case .noConfiguration(_, let path):
            "there is no \(path); put it back, or repair the VM"
        case .state(_, let path, let reason):
            "\(path) cannot be used: \(reason); put back a copy, or repair the VM"
        case .file(let path, let operation, let reason):
            "cannot \(operation) \(path): \(reason); \(Self.advice(reason))"
        case .control(let name, let reason):
            "VM \(name) does not answer (\(reason)); look at its process"
        case .disk(let reason): reason
        case .image(let path, let reason):
            "the hibernation image on \(path) cannot be kept for later: \(reason)"
        case .nothingToDiscard(let name):
            "VM \(name) has no hibernation image on its disks; there is nothing to discard"
        case .nothingToRestore(let name):
            "VM \(name) has lost no hibernation image that could be put back"
        case .cannotRestore(let name, let reason):
            "the hibernation image of VM \(name) cannot be put back: \(reason); start it without"
        case .copyDisks(let name, let count, let given):
            "VM \(name) has \(count) disks that its guest may write, and \(given) were named for the copy; "
                + "copy each of them, and name the copies in their order"
        case .wouldLose(let name, let what):
            "VM \(name) still has \(what); start it, or insist that it goes"
        case .noSeedMaker:
            "nothing on this host makes the disk by which cloud-init is told something; install genisoimage or xorriso"
        case .seedDisk(let path, let maker, .notStarted(let reason)):
            "\(path) cannot be made: \(maker) cannot be started (\(reason)); install it anew"
        case .seedDisk(let path, let maker, .ended(let code)):
            "\(path) cannot be made: \(maker) failed (exit code \(code)); what it says is above"
        case .seedSlot(let reason):
            "with the disk by which cloud-init is told something there is no such machine: \(reason)"
        case .cannotShare(let name):
            "VM \(name) has a guest to resume, or may have, on the disks that the copy would share; copy all of them, or "
                + "start it and let it power off first"
        case .isBeingChanged(let path):
            "another process is changing \(path), and does not end; look for one that has stopped"
        case .disksChanged(let name):
            "the disks of VM \(name) were changed while they were copied, and nothing was made; copy it again"
        case .setting(let name, let reason):
            "nothing is set in VM \(name): \(reason)"
        case .sameDisk(let path, let name):
            "disk \(path) is VM \(name)'s own; two machines cannot write to one disk, so copy it first"
        }
    }
}
