// A distribution's own disk: what is started, and what its console says on the way.

import Foundation

/// The files that Benchmarks/run put together.
struct Distribution {
    /// How it is started.
    enum Way: CaseIterable {
        /// UEFI finds the boot loader on the disk.
        case uefi
        /// The kernel and the initrd that the boot loader would take are loaded by the monitor.
        case kernel
    }

    /// What its console says last before it asks who logs in; the question itself is no whole line.
    static let login = "Debian GNU/Linux 13 localhost "
    /// What the kernel says first.
    static let kernelStarts = "Booting Linux on physical CPU"
    static let commandLine = "root=LABEL=root ro console=ttyAMA0"

    let directory: URL
    let memoryMebibytes: Int

    var disk: URL { directory.appending(path: "disk.img") }
    var code: URL { directory.appending(path: "AAVMF_CODE.fd") }
    var variables: URL { directory.appending(path: "AAVMF_VARS.fd") }
    var kernel: URL { directory.appending(path: "vmlinuz") }
    var initrd: URL { directory.appending(path: "initrd.img") }
}
