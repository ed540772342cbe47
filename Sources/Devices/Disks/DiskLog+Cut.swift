// What a power cut leaves on the disks, from a log: the guest need not be run again for each point.

/// A point of a run at which the power goes, and what that leaves of the disks.
public struct PowerCut: Sendable, Hashable {
    /// The position in the log of the first entry that is not done.
    public var position: Int
    /// That entry is a write, and so many sectors of it are on the medium; nil if nothing of it is.
    public var tornSectors: Int?
    /// What becomes of unflushed writes, on every disk.
    public var unflushed: DiskFaults.Unflushed

    public init(position: Int, tornSectors: Int? = nil, unflushed: DiskFaults.Unflushed) {
        self.position = position
        self.tornSectors = tornSectors
        self.unflushed = unflushed
    }
}

extension DiskLog {
    /// What reaches the media of `diskCount` disks until the power has gone: on what they were at the start of the run,
    /// these writes in this order make what they are at the next. The same as a run has in which `DiskLaboratory` cuts
    /// the power there.
    public func contents(after cut: PowerCut, diskCount: Int) -> [[DiskWrite]] {
        var media = [[DiskWrite]](repeating: [], count: diskCount)
        var caches = [UnflushedWrites](repeating: UnflushedWrites(), count: diskCount)
        for entry in entries.prefix(max(0, cut.position)) {
            switch entry {
            case .write(let disk, let write) where disk < diskCount:
                media[disk] += caches[disk].append(write)
            case .flush(let disk) where disk < diskCount:
                media[disk] += caches[disk].removeAll()
            case .read, .write, .flush, .flashWrite, .console: break
            }
        }
        for disk in media.indices { media[disk] += caches[disk].writes.survivors(cut.unflushed) }
        if let sectors = cut.tornSectors, entries.indices.contains(cut.position),
            case .write(let disk, let write) = entries[cut.position], disk < diskCount
        {
            media[disk].append(write.prefix(sectors: sectors))
        }
        return media
    }

    /// What a flash holds whose power goes at the entry at `position`.
    ///
    /// - Parameters:
    ///   - position: of the first entry that is not done.
    ///   - tornBytes: how many of its first bytes are there all the same, if it is a write to the flash.
    ///   - initial: what the flash held at the start of the run.
    public func flash(after position: Int, tornBytes: Int = 0, initial: [UInt8]) -> [UInt8] {
        var flash = initial
        func write(_ entry: Entry, _ count: Int) {
            guard case .flashWrite(let offset, let bytes) = entry, offset <= UInt64(flash.count) else { return }
            let start = Int(offset)
            let done = bytes.prefix(min(count, flash.count - start))
            flash.replaceSubrange(start..<start + done.count, with: done)
        }
        for entry in entries.prefix(max(0, position)) { write(entry, .max) }
        if entries.indices.contains(position) { write(entries[position], tornBytes) }
        return flash
    }
}
