// The files that a guest starts from.

import Boot
import Glibc
import Hibernation
import Hypervisor

/// Kernel and initrd, opened and recognised.
struct GuestImage {
    let kernel: HostFile
    let initrd: HostFile?
    private let header: LinuxImageHeader?

    init(_ configuration: MachineConfiguration) throws(MachineError) {
        kernel = try HostFile(path: configuration.kernelCopy ?? configuration.kernel, role: "kernel")
        var initrd: HostFile?
        if let path = configuration.initrdCopy ?? configuration.initrd {
            initrd = try HostFile(path: path, role: "initrd")
        }
        self.initrd = initrd
        let prefix = try kernel.read(count: KernelFileFormat.prefixByteCount)
        if Self.isFlat(prefix: prefix, configuration) {
            header = nil
            guard initrd == nil else { throw .initrdForFlatImage }
            return
        }
        do {
            header = try LinuxImageHeader(prefix: prefix, fileByteCount: kernel.byteCount)
        } catch { throw .kernel(path: configuration.kernel, error) }
    }

    /// Flat code looks like anything, so that a file is some is only believed if it is said, or if its name says it
    /// and nothing speaks against it.
    private static func isFlat(prefix: [UInt8], _ configuration: MachineConfiguration) -> Bool {
        let format = KernelFileFormat(prefix: prefix)
        return switch configuration.kernelFormat {
        case .linux: false
        case .flat: format != .empty
        case .auto: format == .unknown && configuration.kernel.hasSuffix(".bin")
        }
    }

    /// Whether the kernel is flat code.
    var isFlat: Bool { header == nil }

    /// Where everything goes on `board`.
    func plan(_ board: BoardDescription) throws(MachineError) -> BootPlan {
        do throws(BootPlanError) {
            guard let header else { return try .flatImage(byteCount: kernel.byteCount, board: board) }
            return try .linux(
                header, kernelByteCount: kernel.byteCount, initrdByteCount: initrd?.byteCount, board: board)
        } catch { throw .bootPlan(error) }
    }

    /// Puts everything where `plan` says.
    func load(_ plan: BootPlan, into memory: GuestMemory) throws(MachineError) {
        for placement in plan.placements {
            switch placement.content {
            case .kernel: try kernel.load(into: memory, at: placement.range)
            case .initrd: try initrd?.load(into: memory, at: placement.range)
            case .deviceTree(let bytes), .table(let bytes): memory.write(bytes, at: placement.range.lowerBound)
            }
        }
    }
}
