// The files that a guest starts from.

import Boot
import Glibc
import Hibernation
import Hypervisor

/// Kernel, initrd and firmware, opened and recognised.
struct GuestImage {
    /// What stands for the kernel; nil: firmware finds one.
    let kernel: HostFile?
    /// The one that was named.
    let initrd: HostFile?
    /// UEFI's code, which loads the others; nil: the kernel is started as it is.
    let firmware: HostFile?
    /// Of a kernel that is started as it is.
    private let content: KernelContent?
    /// Where UEFI is entered.
    private let firmwareEntry: PhysicalAddress

    init(_ configuration: MachineConfiguration) throws(MachineError) {
        firmwareEntry = configuration.model.flash?.code.lowerBound ?? 0
        let kernelPath = configuration.kernelCopy ?? configuration.kernel
        var file: HostFile?
        if let path = kernelPath { file = try HostFile(path: path, role: "kernel") }
        var initrd: HostFile?
        if let path = configuration.initrdCopy ?? configuration.initrd {
            initrd = try HostFile(path: path, role: "initrd")
        }
        self.initrd = initrd
        if let uefi = configuration.uefi {
            // It has its own ways to unpack.
            kernel = file
            content = nil
            let path = uefi.codeCopy ?? uefi.code
            firmware = try HostFile(path: path, role: "firmware", isTrimmed: true)
            try Self.checkForUEFI(file?.read(count: KernelFileFormat.prefixByteCount), configuration)
            return
        }
        firmware = nil
        let limit = configuration.memoryByteCount
        guard let file = try file?.unpacked(limit: limit), let path = configuration.kernel else {
            throw .nothingToStart
        }
        let prefix = try file.read(count: KernelFileFormat.prefixByteCount)
        let isFlat = Self.isFlat(prefix: prefix, path: path, configuration)
        let content: KernelContent
        do throws(MachineError) {
            content = try KernelContent(file, isFlat: isFlat, limit: limit)
        } catch {
            // What was named, rather than a copy.
            guard case .kernel(_, let reason) = error else { throw error }
            throw .kernel(path: path, reason)
        }
        if case .program = content.start, configuration.kernelFormat == .linux {
            throw .kernel(path: path, .notAnImage(.elf))
        }
        self.content = content
        kernel = content.source
        guard initrd == nil || !self.isFlat else { throw .initrdForFlatImage }
    }

    /// Throws if UEFI could not load the kernel that begins so.
    private static func checkForUEFI(_ prefix: [UInt8]?, _ configuration: MachineConfiguration) throws(MachineError) {
        guard let prefix, let path = configuration.kernel else { return }
        switch KernelFileFormat(prefix: prefix) {
        case .linuxImage, .efiZboot, .peExecutable: break
        case let format: throw .kernel(path: path, .notAnImage(format))
        }
    }

    /// Flat code looks like anything, so that a file is some is only believed if it is said, or if its name says it
    /// and nothing speaks against it.
    private static func isFlat(prefix: [UInt8], path: String, _ configuration: MachineConfiguration) -> Bool {
        let format = KernelFileFormat(prefix: prefix)
        return switch configuration.kernelFormat {
        case .linux: false
        case .flat: format != .empty
        case .auto: format == .unknown && path.hasSuffix(".bin")
        }
    }

    /// Whether the kernel is bare-metal code.
    var isFlat: Bool {
        switch content?.start {
        case .flat?, .program?: true
        case .linux?, nil: false
        }
    }

    /// The command line that comes with the kernel; the machine's own follows it, since a kernel takes the last word.
    var commandLine: String? { content?.commandLine }

    /// What is loaded: the one that was named, or what comes with the kernel.
    private var loadedInitrd: HostFile? { initrd ?? content?.initrd }

    /// Where everything goes on `board`.
    func plan(_ board: BoardDescription) throws(MachineError) -> BootPlan {
        do throws(BootPlanError) {
            if firmware != nil { return try .uefi(board, entry: firmwareEntry) }
            guard let content else { throw .unusableMemory }
            let byteCount = content.image.byteCount
            switch content.start {
            case .flat: return try .flatImage(byteCount: byteCount, board: board)
            case .program(let elf): return try .program(elf, board: board)
            case .linux(let header):
                return try .linux(
                    header, kernelByteCount: byteCount, initrdByteCount: loadedInitrd?.byteCount, board: board)
            }
        } catch { throw .bootPlan(error) }
    }

    /// Puts everything where `plan` says.
    func load(_ plan: BootPlan, into memory: GuestMemory) throws(MachineError) {
        for placement in plan.placements {
            switch placement.content {
            case .kernel: try content?.image.load(into: memory, at: placement.range)
            case .initrd: try loadedInitrd?.load(into: memory, at: placement.range)
            case .deviceTree(let bytes), .table(let bytes): memory.write(bytes, at: placement.range.lowerBound)
            }
        }
    }
}
