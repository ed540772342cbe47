// Where a test keeps its files.

import Foundation

/// A directory of one test, in .build/end-to-end: made new, and left for whoever looks into a failure. Disks are not.
final class Scratch {
    let directory: URL
    private var disks: [URL] = []

    init(_ name: String) throws {
        directory = SourceTree.root.appending(path: ".build/end-to-end").appending(path: name)
        try? FileManager.default.removeItem(at: directory)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit {
        for disk in disks { try? FileManager.default.removeItem(at: disk) }
    }

    /// A file in the directory.
    func file(_ name: String) -> URL { directory.appending(path: name) }

    /// An empty disk, sparse: as large as the guest's RAM, so that any hibernation image fits.
    func makeDisk(_ name: String = "disk.img", mebibytes: UInt64 = 512) throws -> URL {
        let disk = file(name)
        guard FileManager.default.createFile(atPath: disk.path, contents: nil) else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: disk.path])
        }
        let handle = try FileHandle(forWritingTo: disk)
        try handle.truncate(atOffset: mebibytes << 20)
        try handle.close()
        disks.append(disk)
        return disk
    }

    /// A copy of a disk, as sparse.
    func copy(_ disk: URL, _ name: String) throws -> URL {
        let copy = file(name)
        try Command.tool("cp", ["--sparse=always", disk.path, copy.path])
        disks.append(copy)
        return copy
    }

    /// Starts `machine`; its files begin with `name`.
    func start(_ machine: GuestMachine, _ name: String, input: DormouseRun.Input = .none) throws -> DormouseRun {
        try DormouseRun(machine.arguments, launcher: machine.launcher, files: file(name), input: input)
    }

    /// Starts `machine` and waits for its end.
    func run(_ machine: GuestMachine, _ name: String) throws -> DormouseRun.End {
        try start(machine, name).waitForEnd()
    }
}
