// Which file a path leads to, whatever its name, and what it is a part of.
//
// Responsible for: links of both kinds, nodes of one device, partitions and their disk, loop devices and their file,
// device-mapper volumes and what they are on, as far as sysfs tells. Not responsible for: what is in the file, nor
// whether it is the same after the host was started again.

import Glibc

/// A file, or a block device.
public enum FileIdentity: Hashable, Sendable {
    case file(device: UInt64, inode: UInt64)
    case blockDevice(major: UInt32, minor: UInt32)

    /// nil if there is nothing at `path`.
    public init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        if FileKind(mode: status.st_mode) == .blockDevice {
            let number = DeviceNumber(status.st_rdev)
            self = .blockDevice(major: number.major, minor: number.minor)
        } else {
            self = .file(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        }
    }

    /// A block device by its number, as sysfs has it: `8:1`.
    fileprivate init?(deviceNumber: String) {
        let parts = deviceNumber.split(separator: ":")
        guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else { return nil }
        self = .blockDevice(major: major, minor: minor)
    }

    /// Where the kernel has a directory for each block device, by its number.
    public static let blockDevices = "/sys/dev/block"

    /// Whether something that is written to one of the two is written to the other as well.
    ///
    /// - Parameter blockDevices: another directory than the kernel's, for tests.
    public static func overlap(
        _ one: FileIdentity, _ other: FileIdentity, blockDevices: String = blockDevices
    ) -> Bool {
        one == other || one.isPart(of: other, blockDevices, depth: maximumDepth)
            || other.isPart(of: one, blockDevices, depth: maximumDepth)
    }

    /// How deep devices are stacked at most, as far as this looks.
    private static let maximumDepth = 8

    private func isPart(of whole: FileIdentity, _ blockDevices: String, depth: Int) -> Bool {
        depth > 0
            && containers(blockDevices).contains { $0 == whole || $0.isPart(of: whole, blockDevices, depth: depth - 1) }
    }

    /// What it is on.
    private func containers(_ blockDevices: String) -> [FileIdentity] {
        guard case .blockDevice(let major, let minor) = self else { return [] }
        let directory = "\(blockDevices)/\(major):\(minor)"
        var containers: [FileIdentity] = []
        if access("\(directory)/partition", F_OK) == 0, let disk = Self.line(of: "\(directory)/../dev") {
            containers += [FileIdentity(deviceNumber: disk)].compactMap(\.self)
        }
        if let file = Self.line(of: "\(directory)/loop/backing_file") {
            containers += [FileIdentity(path: file)].compactMap(\.self)
        }
        containers += Self.names(in: "\(directory)/slaves").compactMap { name in
            Self.line(of: "\(directory)/slaves/\(name)/dev").flatMap { FileIdentity(deviceNumber: $0) }
        }
        return containers
    }

    /// What is in a file of sysfs, which has one line of at most a page.
    private static func line(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            // Safe: `d_name` ends with a NUL, and is read before the next call.
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}
