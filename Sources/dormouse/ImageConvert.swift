// `dormouse image convert`: a copy of a disk in another format.
//
// Responsible for: the copy's name, which it has when it is whole, and what is said meanwhile. raw and qcow2 are copied
// by `DiskReader`; what else there is, qemu-img reads.

import ArgumentParser
import DiskImages
import Glibc
import HostSupport

extension Image {
    struct Convert: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "convert",
            abstract: "Copy a disk into a new one, in another format or the same.",
            discussion: """
                The copy has room for what is not zero only, and has its name when it is whole. A disk with an overlay or a \
                backing file becomes one that stands alone. Other formats than raw and qcow2 are read by qemu-img (Debian: \
                qemu-utils).
                """)

        @Argument(help: "The disk: an image or a block device.")
        var source: String

        @Argument(help: "The new file.")
        var target: String

        @Option(
            help: ArgumentHelp(
                """
                What the disk is: raw, qcow2, or a format that qemu-img knows. (default: what it looks like, if it has no \
                other files behind it)
                """, valueName: "format"))
        var from: String?

        @Option(help: ArgumentHelp("What the new one is to be: qcow2 or raw.", valueName: "format"))
        var format = DiskFormat.qcow2

        @Flag(help: "Replace what is there.")
        var force = false

        func validate() throws {
            guard !source.isEmpty, !target.isEmpty, from != "" else { throw ValidationError("name two files") }
        }

        func run() throws {
            Command.runToEnd {
                try convert()
                return Command.Ending(code: .poweredOff)
            }
        }

        private func convert() throws {
            if !force, access(target, F_OK) == 0 { throw DiskImageError.alreadyThere(path: target) }
            if let one = FileIdentity(path: source), one == FileIdentity(path: target) {
                throw CopyError.same(path: target)
            }
            let foreign = try foreignFormat()
            let draft: DraftFile
            do throws(DurableFileError) {
                draft = try DraftFile(in: DurableFile.directory(of: target), access: .byUmask)
            } catch { throw CopyError.failed(path: target, reason: error.reason) }
            if let foreign {
                try QEMUConversion.run(source, from: foreign, to: draft.pathForOthers, as: format)
            } else {
                let disk = try HostDisk(path: draft.path, forWriting: true)
                let message = CopyMessage()
                try DiskReader(path: source, format: from.flatMap(DiskFormat.init))
                    .copy(to: disk, path: target, as: format) {
                        message.note(path: source, done: $0, total: $1)
                    }
            }
            // Without force, what came there meanwhile stays.
            do throws(DurableFileError) {
                try draft.name(target, replaces: force)
            } catch {
                if error.errno == EEXIST { throw DiskImageError.alreadyThere(path: target) }
                throw CopyError.failed(path: target, reason: error.reason)
            }
        }

        /// What qemu-img calls the disk's format; nil if it is one of ours.
        private func foreignFormat() throws -> String? {
            if let from { return DiskFormat(rawValue: from) == nil ? from : nil }
            do throws(DiskImageError) {
                _ = try DiskReader(path: source, format: nil)
                return nil
            } catch {
                guard case .foreign(_, let format) = error, let name = format.converterName else { throw error }
                return name
            }
        }
    }
}

/// Why a disk was not copied.
enum CopyError: AttributedError {
    case same(path: String)
    case failed(path: String, reason: String)
    case noConverter(format: String)
    case converter(format: String, code: Int32)

    var isHosts: Bool { if case .failed = self { true } else { false } }

    var description: String {
        switch self {
        case .same(let path): "\(path) is the disk itself; name another file"
        case .failed(let path, let reason): "cannot make \(path): \(reason)"
        case .noConverter(let format):
            "a disk in format \(format) is read by qemu-img, which is not there; install it (Debian: qemu-utils)"
        case .converter(let format, let code):
            "qemu-img could not read the disk as \(format) (exit code \(code)); what it says is above"
        }
    }
}

/// qemu-img, for formats that are not ours.
private enum QEMUConversion {
    static func run(_ source: String, from: String, to target: String, as format: DiskFormat) throws {
        let words = ["qemu-img", "convert", "-f", from, "-O", format.rawValue, "--", source, target]
        do throws(HostProgram.Failure) {
            try HostProgram.run(words)
        } catch {
            guard case .ended(let code) = error else { throw CopyError.noConverter(format: from) }
            throw CopyError.converter(format: from, code: code)
        }
    }
}

/// A line now and then while a disk is copied.
final class CopyMessage {
    private static let interval = Duration.seconds(5)
    private var last = ContinuousClock.now

    /// Notes that so many bytes of the disk at `path` are copied.
    func note(path: String, done: UInt64, total: UInt64) {
        let now = ContinuousClock.now
        guard now - last >= Self.interval, total > 0 else { return }
        last = now
        Message.write("copying disk \(path): \(done >> 20) of \(total >> 20) MiB")
    }
}
