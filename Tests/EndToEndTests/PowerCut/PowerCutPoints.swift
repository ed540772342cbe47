// Which points and which fates of unflushed writes are tried.

import Devices

/// What becomes of unflushed writes, and of the one at which the power goes.
enum PowerCutFate: String, CaseIterable {
    case keep, lose, reorder
    case keepTorn = "keep, torn"
    case loseTorn = "lose, torn"
    case reorderTorn = "reorder, torn"

    init(of cut: PowerCut) {
        let isTorn = cut.tornSectors != nil
        self =
            switch cut.unflushed {
            case .keep: isTorn ? .keepTorn : .keep
            case .lose: isTorn ? .loseTorn : .lose
            case .reorder: isTorn ? .reorderTorn : .reorder
            }
    }

    /// - Parameter seed: for what is left to chance.
    func cut(at position: Int, of log: DiskLog, seed: UInt64) -> PowerCut {
        let unflushed: DiskFaults.Unflushed =
            switch self {
            case .keep, .keepTorn: .keep
            case .lose, .loseTorn: .lose
            case .reorder, .reorderTorn: .reorder(seed: seed)
            }
        var cut = PowerCut(position: position, unflushed: unflushed)
        switch self {
        case .keepTorn, .loseTorn, .reorderTorn:
            // Only a write can be torn, and one of a single sector cannot.
            guard case .write(_, let write) = log.entries[position], write.bytes.count > 512 else { break }
            cut.tornSectors = 1 + Int(seed % UInt64(write.bytes.count / 512 - 1))
        case .keep, .lose, .reorder: break
        }
        return cut
    }
}

extension PowerCutRecording {
    /// `count` points spread evenly over a run, with one fate after the other; more points than positions come to a
    /// position again with another fate. At the end of the hibernation, where it is decided, every position has every
    /// fate, and the one before all is flushed has many an order. While it resumes, the last write of the file system's
    /// superblock is torn.
    func points(_ phase: PowerCutPhase, count: Int) -> [PowerCut] {
        let positions = positions(phase)
        var cuts = (0..<count).map { index in
            let position = positions[index * positions.count / count]
            // The second term so that a request and its fate have no common rhythm.
            let fate = PowerCutFate.allCases[(index + index / 6) % PowerCutFate.allCases.count]
            return fate.cut(at: position, of: log, seed: UInt64(index))
        }
        if phase == .hibernation {
            for (index, position) in positions.suffix(Self.decisive).enumerated() {
                cuts += PowerCutFate.allCases.map { $0.cut(at: position, of: log, seed: UInt64(1000 + index)) }
            }
            // The header is written, and nothing is flushed: a part of the image, with or without the header.
            let unflushed = positions.suffix(Self.decisive).first { log.entries[$0].request == "flush" }
            cuts += (0..<32).map {
                PowerCutFate.reorder.cut(at: unflushed ?? positions[0], of: log, seed: UInt64(2000 + $0))
            }
        }
        if phase == .resume,
            let position = positions.last(where: {
                tearsSuperblock(PowerCut(position: $0, tornSectors: 1, unflushed: .keep))
            })
        {
            cuts.append(PowerCut(position: position, tornSectors: 1, unflushed: .keep))
        }
        return cuts
    }

    /// Whether a cut leaves one of the two sectors of the file system's superblock as it was.
    func tearsSuperblock(_ cut: PowerCut) -> Bool {
        guard let torn = cut.tornSectors, case .write(disk: 1, let write) = log.entries[cut.position] else {
            return false
        }
        return write.sector + UInt64(torn) == Ext4.superblock.lowerBound + 1
    }

    /// The last requests of the hibernation: the end of the image, the swap area's header, the page map, the flushes.
    private static let decisive = 6
}
