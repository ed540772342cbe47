// What all requests share. None of it is of a VM: what is known of those is in the store, and asked for each time.

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
    let history: LifeHistory
    let ledger: RequestLedger
    /// For what waits for files and for VMs' processes: none of it may hold up those who serve connections.
    private let threads: NIOThreadPool

    /// VMs that may be asked at a time.
    private static let threadCount = 16

    init(store: VMStore, program: DormouseProgram, logger: Logger) {
        self.store = store
        self.program = program
        self.logger = logger
        history = LifeHistory(store: store)
        ledger = RequestLedger(store: store.path)
        threads = NIOThreadPool(numberOfThreads: Self.threadCount)
        threads.start()
    }

    /// Does what may wait, on a thread for that.
    func blocking<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await threads.runIfActive(work)
    }

    /// How all VMs are, by their names; each is asked on its own, so that one that hangs holds up no other.
    func summaries() async throws -> [VMSummary] {
        let store = store
        let vms = try await blocking { try store.names().compactMap { try? store.vm($0) } }
        return try await withThrowingTaskGroup(of: (Int, VMSummary).self) { group in
            for (index, vm) in vms.enumerated() {
                group.addTask { (index, try await self.blocking { VMSummary(vm) }) }
            }
            var summaries = [VMSummary?](repeating: nil, count: vms.count)
            for try await (index, summary) in group { summaries[index] = summary }
            return summaries.compactMap(\.self)
        }
    }
}
