// The files that a guest starts from.

import Boot
import Glibc
import Hibernation
import Hypervisor

/// Kernel, initrd and firmware, opened and recognised.
struct GuestImage {
    /// nil: firmware finds one.
    let kernel: HostFile?
    let initrd: HostFile?
    /// UEFI's code, which loads the others; nil: the kernel is started as it is.
    let firmware: HostFile?
    /// Of a kernel that is started as it is, unless it is flat code.
    private let header: LinuxImageHeader?
    /// Where UEFI is entered.
    private let firmwareEntry: PhysicalAddress

    init(_ configuration: MachineConfiguration) throws(MachineError) {
        firmwareEntry = configuration.model.flash?.code.lowerBound ?? 0
        let kernelPath = configuration.kernelCopy ?? configuration.kernel
        var kernel: HostFile?
        if let path = kernelPath { kernel = try HostFile(path: path, role: "kernel") }
        // UEFI has its own ways to unpack.
        if configuration.uefi == nil { kernel = try kernel?.unpacked(limit: configuration.memoryByteCount) }
        self.kernel = kernel
        var initrd: HostFile?
        if let path = configuration.initrdCopy ?? configuration.initrd {
            initrd = try HostFile(path: path, role: "initrd")
        }
        self.initrd = initrd
        let prefix = try kernel?.read(count: KernelFileFormat.prefixByteCount)
        if let uefi = configuration.uefi {
            let path = uefi.codeCopy ?? uefi.code
            firmware = try HostFile(path: path, role: "firmware", isTrimmed: true)
            header = nil
            try Self.checkForUEFI(prefix, configuration)
            return
        }
        firmware = nil
        guard let kernel, let prefix, let kernelPath = configuration.kernel else { throw .nothingToStart }
        if Self.isFlat(prefix: prefix, path: kernelPath, configuration) {
            header = nil
            guard initrd == nil else { throw .initrdForFlatImage }
            return
        }
        do {
            header = try LinuxImageHeader(prefix: prefix, fileByteCount: kernel.byteCount)
        } catch { throw .kernel(path: kernelPath, error) }
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

    /// Whether the kernel is flat code.
    var isFlat: Bool { header == nil && firmware == nil }

    /// Where everything goes on `board`.
    func plan(_ board: BoardDescription) throws(MachineError) -> BootPlan {
        do throws(BootPlanError) {
            if firmware != nil { return try .uefi(board, entry: firmwareEntry) }
            let byteCount = kernel?.byteCount ?? 0
            guard let header else { return try .flatImage(byteCount: byteCount, board: board) }
            return try .linux(
                header, kernelByteCount: byteCount, initrdByteCount: initrd?.byteCount, board: board)
        } catch { throw .bootPlan(error) }
    }

    /// Puts everything where `plan` says.
    func load(_ plan: BootPlan, into memory: GuestMemory) throws(MachineError) {
        for placement in plan.placements {
            switch placement.content {
            case .kernel: try kernel?.load(into: memory, at: placement.range)
            case .initrd: try initrd?.load(into: memory, at: placement.range)
            case .deviceTree(let bytes), .table(let bytes): memory.write(bytes, at: placement.range.lowerBound)
            }
        }
    }
}
