// The virtio block device: a disk behind one virtqueue.
//
// Responsible for: the device's features and configuration, and the thread that does its input and output. Not
// responsible for: single requests (`BlockRequest`), or the disk itself (`DiskStorage`).
//
// Follows virtio 1.2 §5.2. Requests are done one after another, in the order in which they were made available.

import Bytes
import DiskImages
import HostSupport
import Hypervisor
import Synchronization

extension VirtioFeatures {
    /// VIRTIO_BLK_F_SEG_MAX: the configuration says how many segments a request may have.
    public static let blockSegMax = Self(bit: 2)
    /// VIRTIO_BLK_F_RO: the disk is read-only.
    public static let blockRO = Self(bit: 5)
    /// VIRTIO_BLK_F_BLK_SIZE: the configuration says what the disk's block size is.
    public static let blockBlkSize = Self(bit: 6)
    /// VIRTIO_BLK_F_FLUSH: there is a flush command.
    public static let blockFlush = Self(bit: 9)
    /// VIRTIO_BLK_F_DISCARD: there is a command that lets go of sectors.
    public static let blockDiscard = Self(bit: 13)
    /// VIRTIO_BLK_F_WRITE_ZEROES: there is a command that makes sectors zero.
    public static let blockWriteZeroes = Self(bit: 14)
}

/// A block device (virtio 1.2 §5.2) over a raw file.
public final class BlockDevice: VirtioDevice {
    private static let queueSize: UInt16 = 256
    /// Header and status take a descriptor each; the rest of the queue is for data.
    public static let segMax = UInt32(queueSize) - 2
    public static let queueSizes: [UInt16] = [queueSize]
    /// Bytes that a disk's serial number may have: VIRTIO_BLK_ID_BYTES.
    public static let serialByteLimit = 20

    /// Offsets in `struct virtio_blk_config` (§5.2.4), in bytes.
    private enum Configuration {
        static let capacity = 0
        static let segMax = 12
        static let blkSize = 20
        static let maxDiscardSectors = 36
        static let maxDiscardSeg = 40
        static let discardSectorAlignment = 44
        static let maxWriteZeroesSectors = 48
        static let maxWriteZeroesSeg = 52
        static let writeZeroesMayUnmap = 56
        /// The whole structure of virtio 1.2; what was not negotiated is zero.
        static let byteCount = 96
    }

    public let deviceID = VirtioDeviceID.block
    public let features: VirtioFeatures
    public let queueSizes: [UInt16] = BlockDevice.queueSizes
    public let configuration: [UInt8]

    private let file: DiskFile
    private let backend: Backend
    /// nil: requests are executed in the notification.
    private let worker: WorkerThread?

    /// What the device offers.
    ///
    /// - Parameters:
    ///   - isReadOnly: whether the disk cannot be written.
    ///   - clears: whether sectors can be discarded and made zero, which takes a disk that can be written.
    public static func features(isReadOnly: Bool, clears: Bool = false) -> VirtioFeatures {
        var features: VirtioFeatures = [.blockSegMax, .blockBlkSize, .blockFlush]
        if isReadOnly {
            features.insert(.blockRO)
        } else if clears {
            features.formUnion([.blockDiscard, .blockWriteZeroes])
        }
        return features
    }

    /// What a guest is told of how sectors are discarded and made zero, by name.
    public static func clearingFacts(_ geometry: DiskGeometry) -> [String: String] {
        [
            "discard.sectors": "\(BlockClearingLimits.maximumSectorCount)",
            "discard.segments": "\(BlockClearingLimits.discard.maximumRangeCount)",
            "discard.alignment": "\(BlockClearingLimits.discardAlignment(geometry))",
            "write-zeroes.sectors": "\(BlockClearingLimits.maximumSectorCount)",
            "write-zeroes.segments": "\(BlockClearingLimits.writeZeroes.maximumRangeCount)",
        ]
    }

    /// The configuration space of a device with `features`.
    static func configuration(_ geometry: DiskGeometry, _ features: VirtioFeatures) -> [UInt8] {
        var configuration = [UInt8](repeating: 0, count: Configuration.byteCount)
        configuration.replace(at: Configuration.capacity, littleEndian: geometry.sectorCount)
        configuration.replace(at: Configuration.segMax, littleEndian: segMax)
        configuration.replace(at: Configuration.blkSize, littleEndian: geometry.blockByteCount)
        if features.contains(.blockDiscard) {
            configuration.replace(
                at: Configuration.maxDiscardSectors, littleEndian: BlockClearingLimits.maximumSectorCount)
            configuration.replace(
                at: Configuration.maxDiscardSeg,
                littleEndian: UInt32(BlockClearingLimits.discard.maximumRangeCount))
            configuration.replace(
                at: Configuration.discardSectorAlignment,
                littleEndian: BlockClearingLimits.discardAlignment(geometry))
        }
        if features.contains(.blockWriteZeroes) {
            configuration.replace(
                at: Configuration.maxWriteZeroesSectors, littleEndian: BlockClearingLimits.maximumSectorCount)
            configuration.replace(
                at: Configuration.maxWriteZeroesSeg,
                littleEndian: UInt32(BlockClearingLimits.writeZeroes.maximumRangeCount))
            configuration[Configuration.writeZeroesMayUnmap] = 1
        }
        return configuration
    }

    /// A disk over `file`.
    ///
    /// - Parameters:
    ///   - file: the disk on the host.
    ///   - serial: what the guest finds as the disk's serial number: the first 20 bytes of it in UTF-8.
    ///   - clears: whether the guest may discard sectors and have them made zero.
    ///   - laboratory: the laboratory that the disk is in.
    ///   - onError: what is done about errors of the host's storage.
    ///   - retryMilliseconds: how long a request that is held waits before it is tried again.
    ///   - tell: called with what is to be said of the disk, on the thread that works.
    ///   - synchronous: execute requests on the vCPU's thread, within the notification that announces them, so that
    ///     a run is deterministic. Otherwise the device has a thread of its own.
    public init(
        file: DiskFile, serial: String, clears: Bool = false, laboratory: DiskLaboratory? = nil,
        onError: DiskErrorPolicy = .report,
        retryMilliseconds: Int = 1000, synchronous: Bool = false,
        tell: @escaping @Sendable (DiskEvent) -> Void = { _ in }
    ) throws(HostResourceError) {
        features = Self.features(isReadOnly: file.isReadOnly, clears: clears)

        configuration = Self.configuration(file.geometry, features)

        self.file = file
        var disk: any DiskStorage = laboratory?.attach(file) ?? file
        if onError == .stop { disk = PatientDisk(disk, retryMilliseconds: retryMilliseconds, tell: tell) }
        let backend = Backend(disk: CountingDisk(disk) { tell(.failed($0)) }, serial: serial)
        self.backend = backend
        worker = synchronous ? nil : try WorkerThread { backend.processAvailable() }
    }

    deinit {
        worker?.stop()
    }

    public func setQueue(_ queue: Virtqueue?, at index: Int) {
        backend.setQueue(queue)
    }

    public func queueNotified(_ index: Int) {
        if let worker {
            worker.wake()
        } else {
            while backend.processAvailable() {}
        }
    }

    public func reset() {
        backend.setQueue(nil)
    }

    public func setEnding(_ isEnding: Bool) {
        file.isEnding = isEnding
    }

    /// Waits until every request that the guest has made available is done, unless they are left undone, and all that
    /// was written is on stable storage. The machine calls this when a run ends, once no vCPU runs any more. After a
    /// power cut nothing more is done.
    public func flush() throws(DiskFileError) {
        worker?.drain()
        try backend.disk.synchronize()
    }

    /// From now on, a write to one of `sectors`, or a discard, is on stable storage when it completes, with all that was
    /// written before; nil takes that back. The guest may rely on it for nothing: it is for the machine.
    public func writeThrough(sectors: Range<UInt64>?) {
        backend.writtenThrough.withLock { $0 = sectors }
    }

    /// From now on, `body` is called for each write of a block of 4096 bytes that ends with `ending`, with the place
    /// behind the block on the disk, in bytes. The block is on the disk then, and the guest does not know yet that it
    /// is. Called on the thread of the device. Of one request, 16 such blocks are looked at.
    ///
    /// Blocks are counted from the beginning of a request: the disk's partitions may begin at any sector.
    ///
    /// - Parameters:
    ///   - ending: the block's last bytes.
    ///   - isWanted: whether it is to be told of a block that was `before` and is `after`. What cannot be read is.
    ///   - body: is told.
    public func watch(
        blocksEndingWith ending: [UInt8],
        where isWanted: @escaping @Sendable (_ before: [UInt8], _ after: [UInt8]) -> Bool = { _, _ in true },
        _ body: @escaping @Sendable (UInt64) -> Void
    ) {
        backend.watch.withLock { $0 = BlockWatch(ending: ending, isWanted: isWanted, body: body) }
    }

    /// The disk's size as the guest sees it.
    public var byteCount: UInt64 { file.geometry.sectorCount &* DiskFile.sectorByteCount }

    /// The name of its file's format.
    public var formatName: String { file.format.rawValue }

    /// What was asked of the disk since the device was made.
    public var activity: DiskActivity { backend.disk.activity }

    /// Finishes the requests that were announced, ends the thread, answers no more, and lets others have the disk. May
    /// be called again.
    public func stop() {
        worker?.stop()
        backend.setQueue(nil)
        file.unlock()
    }
}

extension BlockDevice {
    private static let kind = DeviceState.Kind("virtio-block", version: 1)

    /// A request that is being executed is cut short, and done again after `resume`: how long it is, and how long the
    /// host takes for it, has no bound, and the guest cannot tell.
    public func quiesce() {
        file.isParked = true
        _ = backend.position()
    }

    public func resume() {
        file.isParked = false
        queueNotified(0)
    }

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, VirtqueuePositions(queues: [backend.position()]))
    }

    public func restore(_ state: DeviceState, queues: [Virtqueue?]) throws(DeviceStateError) {
        let fields = try state.fields(VirtqueuePositions.self, of: Self.kind)
        backend.setQueue(try Virtqueue.restored(queues, to: fields.queues)[0])
    }
}

/// What the device and its thread share.
private final class Backend: Sendable {
    let disk: CountingDisk
    /// Sectors to which writes are flushed at once.
    let writtenThrough = Mutex<Range<UInt64>?>(nil)
    let watch = Mutex<BlockWatch?>(nil)
    /// What was found of a write that was begun, and is done again.
    private let begun = Mutex<[BlockWatch.Candidate]>([])
    private let identity: [UInt8]
    private let queue = Mutex<Virtqueue?>(nil)

    init(disk: CountingDisk, serial: String) {
        self.disk = disk
        let serial = serial.utf8.prefix(BlockRequest.identityByteCount)
        identity = serial + [UInt8](repeating: 0, count: BlockRequest.identityByteCount - serial.count)
    }

    /// Waits for the request that is being executed.
    func setQueue(_ new: Virtqueue?) {
        queue.withLock { $0 = new }
    }

    /// Waits for the request that is being executed, or cut short.
    func position() -> VirtqueuePosition? {
        queue.withLock { $0?.position() }
    }

    /// Executes as many requests as the queue is long, or fewer if there are no more; returns whether there may be
    /// more. The limit lets `flush` end while the guest goes on asking.
    func processAvailable() -> Bool {
        let size = queue.withLock { $0?.size } ?? 0
        for _ in 0..<size where !processNext() {
            return false
        }
        return size > 0
    }

    /// Executes one request; false if there is none. The lock is let go after each, so that a reset need not wait
    /// for a whole queue.
    private func processNext() -> Bool {
        queue.withLock { queue in
            guard disk.hasPower, !disk.isInterrupted, let chain = queue?.next(), let memory = queue?.memory,
                let features = queue?.features
            else {
                return false
            }
            do throws(VirtqueueFault) {
                let request = try BlockRequest(chain, features: features, memory: memory)
                let flushesWrites =
                    !features.contains(.blockFlush)
                    || writtenThrough.withLock { $0.map { request.changedSectors.contains(where: $0.overlaps) } }
                        ?? false
                let watch = watch.withLock(\.self)
                let watched =
                    watch?.candidates(of: request, on: disk, memory: memory, known: begun.withLock(\.self)) ?? []
                let written = request.execute(
                    on: disk, identity: identity, flushesWrites: flushesWrites, memory: memory)
                // A request that was cut short is not answered; if the device is only to pause, it is done again.
                let isAnswered = disk.hasPower && !disk.isInterrupted
                begun.withLock { $0 = isAnswered ? [] : watched }
                // One that failed on its way, or was cut short, may have written all the same; one that was refused has
                // not.
                if disk.hasPower { watch?.tell(watched, on: disk) }
                guard isAnswered else {
                    queue?.putBack()
                    return false
                }
                queue?.complete(chain, written: written)
                queue?.notifyDriver()
                return true
            } catch {
                queue?.fail(error)
                return false
            }
        }
    }
}
