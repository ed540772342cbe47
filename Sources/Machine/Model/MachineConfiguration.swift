// What a person chooses about one machine.

import Arm64
import Boot
import Devices
import DiskImages
import HostSupport
import Hypervisor
import PSCI

/// A disk of a machine.
public struct DiskConfiguration: Sendable, Hashable {
    /// An image or a block device of the host.
    public var path: String
    public var isReadOnly: Bool
    /// What it is, whatever it looks like; nil if it is what it looks like.
    public var format: DiskFormat?

    /// What is done about errors of the host's storage. The guest does not see the choice.
    public var onError: DiskErrorPolicy

    /// What the guest finds as the disk's serial number, by which udev names it; nil: the model's own for its place.
    /// 1 to 20 printable characters of ASCII (virtio 1.2 §5.2.6, VIRTIO_BLK_T_GET_ID).
    public var serial: String?

    public init(
        path: String, isReadOnly: Bool = false, format: DiskFormat? = nil, onError: DiskErrorPolicy = .report,
        serial: String? = nil
    ) {
        self.path = path
        self.isReadOnly = isReadOnly
        self.format = format
        self.onError = onError
        self.serial = serial
    }

    /// Whether `text` can be a disk's serial number.
    public static func isSerial(_ text: String) -> Bool {
        (1...BlockDevice.serialByteLimit).contains(text.utf8.count)
            && text.utf8.allSatisfy { (UInt8(ascii: " ")...UInt8(ascii: "~")).contains($0) }
    }
}

/// How a guest's time passes.
public enum ClockKind: String, Sendable, CaseIterable {
    /// With the host's clock, which goes on while the host sleeps.
    case host
    /// By one nanosecond for each instruction: deterministic, on one thread, idle time skipped.
    case instructions
}

/// Which device the console's input goes to; output is taken from both.
public enum ConsoleKind: String, Sendable, CaseIterable {
    case pl011
    case virtio
}

/// What the kernel file is taken for.
public enum KernelFormat: String, Sendable, CaseIterable {
    /// An arm64 Linux Image if it has the header of one; a flat image if it has the signature of nothing that is known
    /// and its name ends in `.bin`. Everything else is refused.
    case auto
    /// An arm64 Linux Image.
    case linux
    /// Bare-metal code, whatever it looks like: loaded and entered 512 KiB above the start of RAM.
    case flat
}

/// Everything that makes a machine.
public struct MachineConfiguration: Sendable {
    public var model: MachineModel
    /// The model of its CPUs; nil: the machine model's.
    public var cpu: CPUModel?
    public var cpuCount = 1
    /// Bytes of RAM, a multiple of 2 MiB.
    public var memoryByteCount: UInt64 = 512 << 20
    /// An arm64 Linux Image, or a flat bare-metal image; nil if UEFI is to find what to start.
    public var kernel: String?
    public var kernelFormat = KernelFormat.auto
    public var initrd: String?
    /// Copies that are loaded in place of kernel and initrd, and whose names say nothing. The guest sees nothing of it.
    public var kernelCopy: String?
    public var initrdCopy: String?
    public var commandLine = ""
    public var disks: [DiskConfiguration] = []
    public var networks: [NetworkConfiguration] = []
    /// Ports of a console device of their own; who is at their other ends is not chosen here
    /// (`MachineEvents.portOutput`).
    public var ports: [ConsolePort] = []
    /// Directories of the host.
    public var shares: [ShareConfiguration] = []
    /// The model's, unless another one is chosen.
    public var psci: Policy
    /// How the guest is told of its hardware.
    public var hardwareDescription = HardwareDescription.deviceTree
    /// UEFI, which starts the guest; nil: the kernel is started as it is.
    public var uefi: UEFIConfiguration?
    /// What UEFI starts before all else that it finds; empty: it has an order of its own.
    public var bootOrder: [BootDevice] = []
    /// Seconds that UEFI waits for a key that leads to its menu; nil: it knows itself.
    public var bootMenuWait: Int?
    /// With ACPI, the FACS's hardware signature: a guest takes its hibernation image only if it is the same. 0: it
    /// checks nothing.
    public var hardwareSignature: UInt32 = 0
    /// Where headers of hibernation images were seen on the disks, by the disks' paths: the ends of their pages, in
    /// bytes. The guest sees nothing of it.
    public var knownHeaderEnds: [String: [UInt64]] = [:]
    /// 16 bytes that change when the machine is copied, as they lie in memory; nil: the machine has no generation id.
    public var generationID: [UInt8]?
    /// The system's UUID, 16 bytes in the order in which it is written; nil: none is set. A guest of UEFI reads it.
    public var uuid: [UInt8]?
    /// What the guest's operating system is told when it starts.
    public var guest = GuestSetup()
    /// What goes wrong in the firmware and with the disks, on purpose. No part of what is recorded with a VM.
    public var laboratory = Laboratory.idle
    /// Calls of a bare-metal program to its host; nil: there are none. No part of what is recorded with a VM.
    public var semihosting: SemihostingConfiguration?
    public var clock = ClockKind.host
    public var console = ConsoleKind.pl011
    /// Whether it has buttons where a device tree describes it, too, as QEMU's board has. ACPI always has them.
    public var wantsDeviceTreeButtons = false
    var hasDeviceTreeButtons: Bool { wantsDeviceTreeButtons && hardwareDescription == .deviceTree }
    /// Whether it has buttons.
    public var hasButtons: Bool { hardwareDescription == .acpi || hasDeviceTreeButtons }
    /// What becomes of a guest that does not refresh its watchdog; nil: it has none.
    public var watchdog: WatchdogAction?
    /// Where the guest's counter begins: with the host's clock, `counterOfToday` is good for a machine that keeps no
    /// record.
    public var initialCounter: UInt64 = 0
    /// When the guest's counter was there, in nanoseconds since 1970-01-01 UTC, if it has gone on since then; nil: it
    /// is there when the machine is made. The instruction clock does not go on.
    public var initialCounterTime: UInt64?
    /// What entropy starts from with the instruction clock.
    public var seed: UInt64 = 0

    /// A machine of a model, with that model's PSCI.
    public init(kernel: String?, model: MachineModel = .virt1) {
        self.kernel = kernel
        self.model = model
        psci = model.psci
    }

    /// A counter that is made from the time of day, so that a guest that resumes finds that it went on meanwhile.
    public static var counterOfToday: UInt64 { HostClock.counterOfToday }

    /// Where the guest's counter is at `now` (nanoseconds since 1970-01-01 UTC), if the machine is made then. A host
    /// clock that was set back does not turn it back.
    public func counter(at now: UInt64) -> UInt64 {
        guard clock == .host, let time = initialCounterTime, now > time else { return initialCounter }
        let (sum, overflow) = initialCounter.addingReportingOverflow(now - time)
        return overflow ? initialCounter : sum
    }
}

/// Why a machine cannot be made or started. The text is for the user, one line.
public enum MachineError: AttributedError {
    case cpuCount(Int, limit: Int)
    case memorySize(UInt64)
    case tooManyDisks(Int, limit: Int)
    case diskSerial(String)
    case generationID(byteCount: Int)
    case uuid(byteCount: Int)
    /// A watchdog is to press a sleep button, and there is none.
    case watchdogButton
    case file(path: String, role: String, reason: String)
    case kernel(path: String, KernelImageError)
    case initrdForFlatImage
    /// There is neither a kernel nor UEFI.
    case nothingToStart
    case initrdWithoutKernel
    case flatImageWithUEFI
    /// The model has no flash.
    case noUEFI(model: String)
    /// A file that is to be UEFI, and its variables, and is not.
    case notFirmware(path: String)
    case notVariables(path: String)
    /// Firmware that hands no ACPI tables on, for a machine that is described by them.
    case noACPIFirmware(path: String)
    case boot(BootOrderError)
    case flash(FlashFileError)
    case bootPlan(BootPlanError)
    case disk(DiskFileError)
    case sameDisk(String, String)
    /// The log of the disks is to be where a file of the machine is.
    case diskLog(path: String)
    case network(NetworkError)
    case port(PortError)
    case share(ShareError)
    case guest(GuestSetupError)
    /// A rule of the laboratory is for a disk that is not there.
    case laboratoryDisk(Int)
    /// A rule of the laboratory is for flash, which only UEFI has.
    case laboratoryFlash
    case memory(GuestMemoryError)
    /// The back end cannot run the machine.
    case backend(BackendError)
    case host(String)

    /// What a back end said, where it is the same whoever says it.
    init(_ error: BackendError) {
        self = if case .memory(let reason) = error { .memory(reason) } else { .backend(error) }
    }

    public var description: String {
        switch self {
        case .cpuCount(let count, let limit):
            "\(count) CPUs cannot be had; give a number from 1 to \(limit)"
        case .memorySize(let bytes):
            "\(bytes >> 20) MiB of memory cannot be had; give a size from 2 MiB to 256 GiB, in steps of 2 MiB"
        case .tooManyDisks(let count, let limit):
            "\(count) disks are too many; this machine has slots for \(limit)"
        case .diskSerial(let serial):
            "\"\(serial)\" is no serial number of a disk; give 1 to \(BlockDevice.serialByteLimit) printable characters of "
                + "ASCII"
        case .uuid(let count):
            "a UUID has \(SystemUUID.byteCount) bytes and not \(count); give 32 hexadecimal digits with hyphens between"
        case .generationID(let count):
            "a generation id has 16 bytes and not \(count); give 32 hexadecimal digits"
        case .watchdogButton:
            "the watchdog is to press a sleep button, and only a machine that is described by ACPI has one"
        case .file(let path, let role, let reason):
            "cannot read the \(role) \(path): \(reason)"
        case .kernel(let path, let error):
            "kernel \(path) \(error)"
        case .initrdForFlatImage:
            "a flat bare-metal image takes no initrd; leave it out, or give an arm64 Linux Image"
        case .nothingToStart: "there is nothing to start; name a kernel, or have UEFI find one on a disk"
        case .initrdWithoutKernel: "an initrd without a kernel is of no use; name the kernel, or leave it out"
        case .flatImageWithUEFI: "UEFI starts no flat code; leave UEFI out, or give an arm64 Linux Image"
        case .noUEFI(let model): "the machine model \(model) has no flash for UEFI; take a later one"
        case .notFirmware(let path):
            "\(path) is no firmware that is executed in place; name the code of edk2's ArmVirtQemu, "
                + "such as Debian's AAVMF_CODE.fd, or U-Boot for QEMU's 64-bit Arm board"
        case .notVariables(let path):
            "\(path) has no variables of UEFI; name a copy of the firmware's own template, such as AAVMF_VARS.fd"
        case .noACPIFirmware(let path):
            "\(path) is U-Boot, which hands no ACPI tables on; describe the machine by a device tree"
        case .boot(let error): error.description
        case .flash(let error): error.description
        case .bootPlan(let error): error.description
        case .disk(let error): error.description
        case .sameDisk(let one, let other):
            (one == other
                ? "disk \(one) is given twice" : "disks \(one) and \(other) are the same, or one is on the other")
                + "; give it once, or both read-only"
        case .diskLog(let path):
            "the log of the disks would overwrite \(path), which is a file of the machine; name another one"
        case .network(let error): error.description
        case .port(let error): error.description
        case .share(let error): error.description
        case .guest(let error): error.description
        case .laboratoryDisk(let number):
            "the laboratory has a rule for disk \(number), and there is none; disks are counted from 0"
        case .laboratoryFlash: "the laboratory has a rule for flash, and only a machine with UEFI has one"
        case .memory(let error): error.description
        case .backend(let error): error.description
        case .host(let text): text
        }
    }

    public var isHosts: Bool {
        switch self {
        case .memory(.cannotReserveCode), .backend(.host), .host: true
        case .disk(let error): error.isHosts
        case .network(.host): true
        case .flash(let error): error.isHosts
        case .cpuCount, .memorySize, .tooManyDisks, .diskSerial, .generationID, .uuid, .watchdogButton, .file, .kernel,
            .initrdForFlatImage, .bootPlan,
            .laboratoryFlash, .nothingToStart, .initrdWithoutKernel, .flatImageWithUEFI, .noUEFI, .notFirmware,
            .notVariables, .noACPIFirmware, .boot,
            .memory, .backend, .laboratoryDisk, .sameDisk, .diskLog, .network, .port, .share, .guest:
            false
        }
    }
}
