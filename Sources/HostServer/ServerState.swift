// What all requests share. None of it is of a VM: what is known of those is in the store, and asked for each time.

import Bytes
import KeptVMs
import Logging
import NIOPosix

/// The server, as its handlers know it.
final class ServerState: Sendable {
    let store: VMStore
    let program: DormouseProgram
    let logger: Logger
    let streams = StreamCount()
    let consoles = ConsoleStreams()
    let ledger: RequestLedger
    /// For what waits for files and for VMs' processes: none of it may hold up those who serve connections.
    private let threads: NIOThreadPool
    private let list: SharedLook<Listing>
    private let figures: SharedLook<String>

    /// All VMs, and the answer that has them.
    private struct Listing: Encodable, Sendable {
        var vms: [VMSummary]
        var json: [UInt8] = []

        private enum CodingKeys: CodingKey { case vms }
    }

    /// VMs that may be asked at a time.
    private static let threadCount = 16

    init(store: VMStore, program: DormouseProgram, logger: Logger) {
        self.store = store
        self.program = program
        self.logger = logger
        ledger = RequestLedger(store: store.path)
        let threads = NIOThreadPool(numberOfThreads: Self.threadCount)
        threads.start()
        self.threads = threads
        let list = SharedLook {
            var listing = Listing(vms: try await Self.look(at: store, threads))
            listing.json = try StableJSON.bytes(of: listing)
            return listing
        }
        self.list = list
        let history = LifeHistory(store: store)
        figures = SharedLook {
            let vms = try await list.value().vms
            return try await threads.runIfActive { try MetricsText(vms, in: store, history).text }
        }
    }

    /// Does what may wait, on a thread for that.
    func blocking<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await threads.runIfActive(work)
    }

    /// How all VMs are, by their names, as JSON.
    func listing() async throws -> [UInt8] { try await list.value().json }

    /// Figures of all VMs, for Prometheus.
    func metrics() async throws -> String { try await figures.value() }
}

extension ServerState {
    /// Looks at all VMs; each is asked on its own, so that one that hangs holds up no other.
    fileprivate static func look(at store: VMStore, _ threads: NIOThreadPool) async throws -> [VMSummary] {
        let vms = try await threads.runIfActive { try store.names().compactMap { try? store.vm($0) } }
        return try await withThrowingTaskGroup(of: (Int, VMSummary).self) { group in
            for (index, vm) in vms.enumerated() {
                group.addTask { (index, try await threads.runIfActive { VMSummary(vm) }) }
            }
            var summaries = [VMSummary?](repeating: nil, count: vms.count)
            for try await (index, summary) in group { summaries[index] = summary }
            return summaries.compactMap(\.self)
        }
    }
}
