// What a guest's cloud-init is told at its first boot.

import ArgumentParser
import KeptVMs

struct CloudInitOptions: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Tell the guest's cloud-init its host name, user and keys, too, by a small disk: for systems whose systemd is "
                + "older than 252."))
    var cloudInit = false

    @Option(
        name: .customLong("package"),
        help: ArgumentHelp(
            "A package that the guest's cloud-init installs at the first boot. May be repeated.", valueName: "name"))
    var packages: [String] = []

    @Option(
        name: .customLong("run"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A command that the guest's cloud-init runs as root at the first boot, behind the packages. May be repeated.",
            valueName: "command"))
    var commands: [String] = []

    @Option(
        help: ArgumentHelp(
            "What the guest's cloud-init is told instead: a cloud config, or a script.", valueName: "file"),
        transform: UserDataArgument.init)
    var userData: UserDataArgument?

    func validate() throws {
        guard userData == nil || packages.isEmpty && commands.isEmpty else {
            throw ValidationError(
                "--user-data takes the place of --package and --run: put them into the file, or leave it out")
        }
        do throws(CloudInitError) {
            try seed?.check()
        } catch { throw ValidationError("\(error)") }
    }

    /// nil if nothing is told by a disk.
    var seed: CloudInitSeed? {
        guard cloudInit || userData != nil || !packages.isEmpty || !commands.isEmpty else { return nil }
        var seed = CloudInitSeed()
        seed.packages = packages
        seed.commands = commands
        seed.userData = userData?.bytes
        return seed
    }
}

/// A file for cloud-init.
struct UserDataArgument: Sendable {
    var bytes: [UInt8]

    init(_ argument: String) throws {
        do throws(HostError) {
            bytes = try VM.read(argument, limit: CloudInitSeed.userDataLimit)
        } catch { throw ValidationError("\(error)") }
        var seed = CloudInitSeed()
        seed.userData = bytes
        do throws(CloudInitError) {
            try seed.check()
        } catch { throw ValidationError("\(argument): \(error)") }
    }
}
