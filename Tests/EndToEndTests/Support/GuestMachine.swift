// A machine as the command line of `dormouse run` describes it.

import Foundation

struct GuestMachine {
    /// nil: UEFI finds one.
    var kernel: URL?
    var initrd: URL?
    var disks: [URL] = []
    var cpus = 1
    /// Words of the guest's command line.
    var append: [String] = []
    /// What --engine is given; nil leaves the choice to Dormouse.
    var engine = Engine.fromEnvironment
    /// Other options of `dormouse run`.
    var options: [String] = []
    /// Words of a command that runs `dormouse` in its own place, such as one that enters a network namespace.
    var launcher: [String] = []

    /// A Linux guest that does `test`, as the header of Guests/linux/init describes.
    init(_ guest: LinuxGuest, test: String) {
        kernel = guest.kernel
        initrd = guest.initrd
        append = ["console=ttyAMA0", "panic=1", "dormouse.test=\(test)"]
    }

    init(_ guest: BareMetalGuest, _ append: String...) {
        kernel = guest.image
        self.append = append
    }

    /// The arguments of `dormouse`, without `--report`.
    var arguments: [String] {
        var arguments = ["run", "--cpus", String(cpus)]
        if let kernel { arguments += ["--kernel", kernel.path] }
        if let initrd { arguments += ["--initrd", initrd.path] }
        for disk in disks { arguments += ["--disk", disk.path] }
        if !append.isEmpty { arguments += ["--append", append.joined(separator: " ")] }
        if let engine { arguments += ["--engine", engine.rawValue] }
        return arguments + options
    }
}

/// The engines of the CPU, as `--engine` names them.
enum Engine: String {
    case interpreter, translator, auto

    /// DORMOUSE_ENGINE: the engine that all tests use which do not choose.
    static let fromEnvironment = ProcessInfo.processInfo.environment["DORMOUSE_ENGINE"].flatMap(Engine.init)
}
