// Two machines in one process, each with its own console: `two-machines KERNEL KERNEL`.

import Dormouse
import Foundation
import Synchronization

@main
struct Example {
    static func main() async throws {
        let kernels = CommandLine.arguments.dropFirst()
        guard kernels.count == 2 else { return print("usage: two-machines KERNEL KERNEL") }
        try await withThrowingTaskGroup { group in
            for (number, kernel) in kernels.enumerated() {
                group.addTask {
                    print("machine \(number): \(try await run(kernel))")
                }
            }
            try await group.waitForAll()
        }
    }

    /// Boots `kernel` and returns what it wrote. `run` waits for the guest, so it has a thread of its own.
    private static func run(_ kernel: String) async throws -> String {
        final class Console: Sendable {
            let bytes = Mutex<[UInt8]>([])
        }
        let console = Console()
        let machine = try VirtualMachine(
            MachineConfiguration(kernel: kernel),
            events: MachineEvents(consoleOutput: { bytes in console.bytes.withLock { $0 += bytes } }))
        let end = try await withCheckedThrowingContinuation { continuation in
            do {
                try HostThread.start { continuation.resume(with: Result { try machine.run() }) }
            } catch { continuation.resume(throwing: error) }
        }
        machine.close()
        let text = String(decoding: console.bytes.withLock(\.self), as: UTF8.self)
        return "\(end.words([])), and wrote \(text.split(whereSeparator: \.isNewline).count) lines"
    }
}
