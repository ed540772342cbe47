// What the commands about kept VMs have in common.

import ArgumentParser
import Glibc
import Hibernation
import HostSupport
import KeptVMs

/// Which VM.
struct VMOptions: ParsableArguments {
    @Argument(help: "The VM's name.", completion: VMNames.completion)
    var name: String

    @OptionGroup var storeOptions: StoreOptions

    func vm() throws -> VM { try storeOptions.location.vm(name) }
}

/// Where VMs are.
struct StoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The directory of the VMs. (default: $DORMOUSE_STORE, or dormouse/vms in $XDG_DATA_HOME)",
            valueName: "directory"))
    var store: String?

    func validate() throws {
        guard store != "" else { throw ValidationError("--store has no value: name a directory, or leave it out") }
    }

    var location: VMStore {
        get throws {
            if let store { return VMStore(path: try AbsolutePath.of(store)) }
            return try .default
        }
    }
}

/// A path that is relative to a directory which cannot be named.
struct AbsolutePathError: AttributedError {
    var path: String
    var reason: String

    var isHosts: Bool { false }

    var description: String {
        "\(path) is relative to the working directory, which cannot be named: \(reason); give a path that begins with \"/\""
    }
}

/// Paths that mean the same wherever the process is later.
enum AbsolutePath {
    static func of(_ path: String) throws(AbsolutePathError) -> String {
        guard !path.hasPrefix("/") else { return path }
        guard let directory = getcwd(nil, 0) else {
            throw AbsolutePathError(path: path, reason: String(cString: strerror(errno)))
        }
        defer { free(directory) }
        guard let text = String(validatingCString: directory) else {
            throw AbsolutePathError(path: path, reason: "its name is not UTF-8")
        }
        return "\(text)/\(path)"
    }
}

extension OnChange: ExpressibleByArgument {}
extension OnExpiry: ExpressibleByArgument {}
extension VMConfiguration.DiskHash: ExpressibleByArgument {}
