// The files that a guest starts from.

import Firmware
import Glibc
import Hibernation
import Hypervisor

/// Kernel and initrd, opened and recognised.
struct GuestImage {
    private let kernel: HostFile
    private let initrd: HostFile?
    private let header: LinuxImageHeader?

    init(_ configuration: MachineConfiguration) throws(MachineError) {
        kernel = try HostFile(path: configuration.kernel, role: "kernel")
        var initrd: HostFile?
        if let path = configuration.initrd { initrd = try HostFile(path: path, role: "initrd") }
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

    func kernelFingerprint() throws(MachineError) -> Fingerprint { try kernel.fingerprint() }
    func initrdFingerprint() throws(MachineError) -> Fingerprint? { try initrd?.fingerprint() }

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
            case .deviceTree(let bytes), .firmware(let bytes): memory.write(bytes, at: placement.range.lowerBound)
            }
        }
    }
}

/// A file that is read into guest memory.
private final class HostFile {
    let path: String
    let role: String
    let byteCount: UInt64
    private let descriptor: Int32

    init(path: String, role: String) throws(MachineError) {
        self.path = path
        self.role = role
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let advice = errno == ENOENT ? "; correct the path" : ""
            throw .file(path: path, role: role, reason: String(cString: strerror(errno)) + advice)
        }
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .file(path: path, role: role, reason: "it is no regular file; name a file")
        }
        byteCount = UInt64(max(0, status.st_size))
    }

    deinit {
        close(descriptor)
    }

    /// The first `count` bytes, or fewer if the file is shorter.
    func read(count: Int) throws(MachineError) -> [UInt8] {
        try read(at: 0, count: min(count, Int(byteCount)))
    }

    private func read(at offset: Int, count: Int) throws(MachineError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = pread(descriptor, &bytes, bytes.count, off_t(offset))
        guard got == bytes.count else { throw failure() }
        return bytes
    }

    private static let pieceByteCount = 1 << 20

    func fingerprint() throws(MachineError) -> Fingerprint {
        try Fingerprint(ofPieces: { update throws(MachineError) in
            for offset in stride(from: 0, to: Int(byteCount), by: Self.pieceByteCount) {
                update(try read(at: offset, count: min(Self.pieceByteCount, Int(byteCount) - offset)))
            }
        })
    }

    /// Copies the whole file to `range`, which is as long.
    func load(into memory: GuestMemory, at range: Range<PhysicalAddress>) throws(MachineError) {
        guard let pointer = memory.pointer(at: range.lowerBound, count: byteCount) else {
            throw .file(path: path, role: role, reason: "it changed while it was read; try again")
        }
        var done = 0
        while done < Int(byteCount) {
            // Safe: the range was just checked to be RAM.
            let got = pread(descriptor, pointer + done, Int(byteCount) - done, done)
            guard got > 0 else { throw failure() }
            done += got
        }
        memory.didWrite(at: range.lowerBound, count: byteCount)
    }

    private func failure() -> MachineError {
        .file(path: path, role: role, reason: "it could not be read whole; check the host's storage")
    }
}
