// Starting UEFI instead of a kernel.
//
// Responsible for: what it finds in RAM, and where it is entered. edk2's ArmVirtPkg looks for the device tree at the
// base of RAM and takes everything from it; there is always one, since what the operating system gets is another matter.
// Not responsible for: the firmware itself, which is executed in place.

import Hypervisor

extension BootPlan {
    /// The least RAM that ArmVirtPkg starts with.
    public static let leastMemoryForUEFI: UInt64 = 128 << 20

    /// Plans the start of UEFI that is executed at `entry`.
    ///
    /// - Parameters:
    ///   - board: with a command line, seeds and all: nothing of `chosen` but the console is passed on.
    ///   - entry: where the firmware's code begins.
    public static func uefi(_ board: BoardDescription, entry: PhysicalAddress) throws(BootPlanError) -> BootPlan {
        guard let ram = board.memory.first, !ram.isEmpty else { throw .unusableMemory }
        let byteCount = ram.upperBound - ram.lowerBound
        guard byteCount >= leastMemoryForUEFI else { throw .notEnoughMemoryForUEFI(available: byteCount) }
        var board = board
        // A kernel's command line comes by fw_cfg; firmware makes seeds of its own.
        board.chosen = BoardDescription.Chosen(rngSeed: board.chosen.rngSeed, kaslrSeed: board.chosen.kaslrSeed)
        let tree: [UInt8]
        do throws(DeviceTreeError) {
            tree = try DeviceTree(for: board).flattened()
        } catch { throw .deviceTree(error) }
        let range = ram.lowerBound..<ram.lowerBound + UInt64(tree.count)
        return BootPlan(placements: [Placement(content: .deviceTree(tree), range: range)], entry: entry, x0: 0)
    }
}
