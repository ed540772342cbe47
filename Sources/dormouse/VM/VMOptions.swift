// What the commands about kept VMs have in common.

import ArgumentParser
import Glibc
import Hibernation
import Host

/// Which VM.
struct VMOptions: ParsableArguments {
    @Argument(help: "The VM's name.")
    var name: String

    @OptionGroup var storeOptions: StoreOptions

    func vm() throws(HostError) -> VM { try storeOptions.location.vm(name) }
}

/// Where VMs are.
struct StoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The directory of the VMs. (default: $DORMOUSE_STORE, or dormouse/vms in $XDG_DATA_HOME)",
            valueName: "directory"))
    var store: String?

    var location: VMStore { store.map { VMStore(path: AbsolutePath.of($0)) } ?? .default }
}

/// Paths that mean the same wherever the process is later.
enum AbsolutePath {
    static func of(_ path: String) -> String {
        guard !path.hasPrefix("/"), let directory = getcwd(nil, 0) else { return path }
        defer { free(directory) }
        return "\(String(cString: directory))/\(path)"
    }
}

extension OnChange: ExpressibleByArgument {}
extension OnExpiry: ExpressibleByArgument {}
extension VMConfiguration.DiskHash: ExpressibleByArgument {}
