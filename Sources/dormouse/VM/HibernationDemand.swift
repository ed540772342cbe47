// Whether a VM that is made has to be able to hibernate, and what is said if its disks have no room for that.

import ArgumentParser
import Hibernation
import HostSupport
import Machine

/// What `create` makes of disks on which the guest's memory has no room.
enum HibernationDemand: String, CaseIterable, ExpressibleByArgument {
    case ifPossible = "if-possible"
    case required

    /// What is to be said about the disks of `machine`; nil if there is nothing.
    ///
    /// - Throws: if hibernation is required and cannot be expected, or a disk cannot be read.
    func objection(to machine: MachineConfiguration) throws -> String? {
        let error: NoRoomError?
        do throws(RawDiskError) {
            error = try NoRoomError(machine)
        } catch {
            // What cannot be read now is the start's to say.
            guard self == .required else { return nil }
            throw error
        }
        guard let error else { return nil }
        if self == .required { throw error }
        // A machine without a disk is not meant to hibernate.
        return machine.disks.isEmpty ? nil : "\(error)"
    }
}

/// No swap area is as large as the memory.
struct NoRoomError: AttributedError {
    var memoryByteCount: UInt64
    var space: SwapSpace

    var isHosts: Bool { false }

    /// What is wrong with the disks of `machine`; nil if a swap area has room.
    init?(_ machine: MachineConfiguration) throws(RawDiskError) {
        var space = SwapSpace()
        for disk in machine.disks where !disk.isReadOnly { try space.add(diskAt: disk.path, format: disk.format) }
        guard !space.hasRoom(forMemory: machine.memoryByteCount) else { return nil }
        self.space = space
        memoryByteCount = machine.memoryByteCount
    }

    var description: String {
        let memory = "\(memoryByteCount >> 20) MiB of memory"
        let found =
            space.largestByteCount.map { "the largest swap area on the disks has \($0 >> 20) MiB, for \(memory)" }
            ?? "no swap area is on the disks, for \(memory)"
        let unseen = space.unsearched.prefix(3).joined(separator: "; ")
        return "the guest may not be able to hibernate: \(found)"
            + (unseen.isEmpty ? "" : "; what is not looked into may have one: \(unseen)")
    }
}
