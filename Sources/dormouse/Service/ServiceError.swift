// Why a VM cannot be given to systemd, or taken back.

import Glibc
import HostSupport

/// The text is for the user, one line.
enum ServiceError: AttributedError {
    /// systemd has no unit for VMs.
    case noUnits(directories: [String])
    case needsRoot
    case noHome
    /// The VM of that name in another store is enabled.
    case otherStore(name: String, store: String)
    case notEnabled(name: String)
    /// It cannot go, or get another name, under the unit that starts it.
    case enabled(name: String, scope: UnitScope)
    case file(path: String, operation: String, reason: String)
    /// There is no manager that runs.
    case noManager(name: String)
    case systemctl(arguments: [String], reason: String)
    /// There is no manager that could say that the host goes down.
    case noShutdown
    /// A run cannot be given to the manager that runs.
    case scope(reason: String)
    /// A unit cannot have it.
    case unspeakable(path: String)

    var description: String {
        switch self {
        case .noUnits(let directories):
            "systemd has no unit \(UnitFiles.template) in \(directories.joined(separator: ", ")); install Dormouse's Debian "
                + "package, or put its units there (docs/host.md)"
        case .needsRoot:
            "only root can have a VM start with the host; run this as root, or, for VMs of yours, with --user"
        case .noHome: "there is no place for units: neither $HOME nor the host says where this user's home directory is"
        case .otherStore(let name, let store):
            "the VM \(name) in \(store) is enabled by this name; disable that one, or rename one of them"
        case .notEnabled(let name): "VM \(name) is not enabled; there is nothing to disable"
        case .enabled(let name, let scope):
            "VM \(name) starts with the \(scope.words); `dormouse disable \(name)\(scope == .user ? " --user" : "")` first"
        case .file(let path, let operation, let reason): "cannot \(operation) \(path): \(reason); check its permissions"
        case .noManager(let name):
            "systemd does not run here, so that VM \(name) cannot be started or stopped by it; leave --now out"
        case .systemctl(let arguments, let reason):
            "`systemctl \(arguments.joined(separator: " "))` failed (\(reason)); what it said is above, `journalctl` may have more"
        case .noShutdown:
            "systemd does not run here, or not for this user, so that nobody says when the host goes down; leave "
                + "--hibernate-with-host out"
        case .scope(let reason):
            "systemd cannot be asked to wait for this run (\(reason)); leave --hibernate-with-host out"
        case .unspeakable(let path): "\(path.debugDescription) cannot be named in a unit; give it another name"
        }
    }

    var isHosts: Bool {
        switch self {
        case .file, .systemctl, .scope: true
        default: false
        }
    }
}
