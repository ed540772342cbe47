// What is in a kernel's file: a Linux Image, a program, or a unified kernel image with more than a kernel.
//
// Responsible for: telling them apart, and having each part as a file. Not responsible for: compressed files
// (`HostFile.unpacked`), where anything goes (`BootPlan`).

import Boot

/// A kernel's file, opened and taken apart.
struct KernelContent {
    /// How it is started.
    enum Start {
        case linux(LinuxImageHeader)
        case flat
        case program(ELFImage)
    }

    /// What stands for all of it: by its digest the same guest is known again, and a copy of it starts the same guest.
    let source: HostFile
    /// What is loaded.
    let image: HostFile
    let start: Start
    /// What comes with it.
    var initrd: HostFile?
    var commandLine: String?

    /// - Parameters:
    ///   - file: not compressed.
    ///   - isFlat: whether it is flat code, whatever it looks like.
    ///   - limit: bytes that may be loaded.
    init(_ file: HostFile, isFlat: Bool, limit: UInt64) throws(MachineError) {
        let prefix = try file.read(count: KernelFileFormat.prefixByteCount)
        if isFlat {
            (source, image, start) = (file, file, .flat)
            return
        }
        switch KernelFileFormat(prefix: prefix) {
        case .elf:
            let elf = try Self.elf(file, prefix)
            guard elf.contentByteCount <= limit else {
                throw .bootPlan(.notEnoughMemory(available: limit, needed: elf.contentByteCount))
            }
            let base = elf.addresses.lowerBound
            let image = try file.assembled(elf.segments.map { ($0.content, $0.address - base) })
            // A kernel's own header tells where it goes; what its linker says is where it runs later.
            if KernelFileFormat(prefix: try image.read(count: KernelFileFormat.prefixByteCount)) == .linuxImage {
                (source, self.image, start) = (image, image, .linux(try Self.header(image)))
            } else {
                (source, self.image, start) = (file, image, .program(elf))
            }
        case .peExecutable:
            guard let unified = try Self.unified(file, prefix) else {
                (source, image, start) = (file, file, .linux(try Self.header(file)))
                return
            }
            for part in [unified.kernel, unified.initrd].compactMap(\.self) where UInt64(part.count) > limit {
                throw .bootPlan(.notEnoughMemory(available: limit, needed: UInt64(part.count)))
            }
            source = file
            image = try file.assembled([(unified.kernel, 0)]).unpacked(limit: limit)
            start = .linux(try Self.header(image))
            initrd = try unified.initrd.map { (range) throws(MachineError) in try file.assembled([(range, 0)]) }
            commandLine = try unified.commandLine.map { (range) throws(MachineError) in
                try Self.commandLine(file, range)
            }
        default: (source, image, start) = (file, file, .linux(try Self.header(file)))
        }
    }

    private static func header(_ file: HostFile) throws(MachineError) -> LinuxImageHeader {
        let prefix = try file.read(count: KernelFileFormat.prefixByteCount)
        do throws(KernelImageError) {
            return try LinuxImageHeader(prefix: prefix, fileByteCount: file.byteCount)
        } catch { throw .kernel(path: file.path, error) }
    }

    private static func elf(_ file: HostFile, _ prefix: [UInt8]) throws(MachineError) -> ELFImage {
        do {
            let header = try ELFHeader(prefix: prefix, fileByteCount: file.byteCount)
            let table = try file.read(
                at: Int(header.programHeaders.lowerBound), count: header.programHeaders.count)
            return try ELFImage(header, programHeaders: table, fileByteCount: file.byteCount)
        } catch let error as ELFError {
            throw .kernel(path: file.path, .elf(error))
        } catch { throw (error as? MachineError) ?? .host("\(error)") }
    }

    private static func unified(_ file: HostFile, _ prefix: [UInt8]) throws(MachineError) -> UnifiedKernelImage? {
        let header = try file.read(count: UnifiedKernelImage.headerByteCount(prefix: prefix))
        do throws(UnifiedKernelImage.Failure) {
            return try UnifiedKernelImage(header: header, fileByteCount: file.byteCount)
        } catch {
            switch error {
            case .cutShort(let byteCount, let expected):
                throw .kernel(path: file.path, .cutShort(byteCount: byteCount, expected: expected))
            }
        }
    }

    /// The text of a section, without what its maker may have behind it.
    private static func commandLine(_ file: HostFile, _ range: Range<UInt64>) throws(MachineError) -> String {
        let limit = BootPlan.maximumCommandLineByteCount
        // With some room for padding.
        guard range.count <= 4 * limit else {
            throw .bootPlan(.commandLineTooLong(byteCount: range.count, limit: limit))
        }
        let bytes = try file.read(at: Int(range.lowerBound), count: range.count).prefix { $0 != 0 }
        let text = String(decoding: bytes, as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
