// Dumps of a guest's memory.
//
// Follows QEMU's qapi/dump.json. A dump is an ELF core, to a file, of all of the guest's memory by physical addresses.

import Bytes
import HostSupport

/// What became of the last dump, as `query-dump` says it.
enum DumpState: Equatable {
    case none
    case active
    case completed(byteCount: UInt64)
    case failed(String)

    var value: JSONValue {
        let (status, byteCount): (String, UInt64) =
            switch self {
            case .none: ("none", 0)
            case .active: ("active", 0)
            case .completed(let byteCount): ("completed", byteCount)
            case .failed: ("failed", 0)
            }
        let count = JSONValue.integer(Int64(clamping: byteCount))
        return ["status": .string(status), "completed": count, "total": count]
    }
}

extension MonitorCommand {
    static let dumps: [MonitorCommand] = [
        MonitorCommand("query-dump-guest-memory-capability") { (_: MonitorIdentity) in ["formats": ["elf"]] },
        MonitorCommand(
            "query-dump",
            arguments: { (monitor, arguments) throws(QMPError) in
                try arguments.finish()
                return Answer(value: monitor.dumpState.value)
            }),
        MonitorCommand(
            "dump-guest-memory",
            arguments: { (monitor, arguments) throws(QMPError) in
                let path = try path(&arguments)
                let isDetached = try arguments.optionalBoolean("detach") ?? false
                try arguments.finish()
                let machine = try monitor.machine()
                guard monitor.beginDump() else { throw QMPError("a dump is under way") }
                guard isDetached else {
                    if case .failed(let reason) = dump(machine, path, monitor) { throw QMPError(reason) }
                    return Answer()
                }
                do throws(HostResourceError) {
                    try HostThread.start { _ = dump(machine, path, monitor) }
                } catch {
                    monitor.endDump(.failed(error.description))
                    throw QMPError(error.description)
                }
                return Answer()
            }),
    ]

    /// The arguments of a dump but for `detach`; returns the file.
    private static func path(_ arguments: inout QMPArguments) throws(QMPError) -> String {
        guard try arguments.optionalBoolean("paging") == false else {
            throw QMPError("\"paging\" has to be false: memory is dumped by physical addresses")
        }
        let format = try arguments.optionalString("format") ?? "elf"
        guard format == "elf" else { throw QMPError("the format is elf, and not \(format.prefix(64))") }
        let target = try arguments.string("protocol")
        let prefix = "file:"
        guard target.hasPrefix(prefix), target.count > prefix.count else {
            throw QMPError("\"protocol\" is file:NAME")
        }
        return String(target.dropFirst(prefix.count))
    }

    private static func dump(_ machine: any MonitoredMachine, _ path: String, _ monitor: Monitor) -> DumpState {
        let state: DumpState
        do throws(QMPError) {
            state = .completed(byteCount: try machine.dump(to: path))
        } catch { state = .failed(error.description) }
        monitor.endDump(state)
        return state
    }
}
