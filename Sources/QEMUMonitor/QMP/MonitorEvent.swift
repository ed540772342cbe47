// What clients are told without asking.
//
// Follows QEMU's qapi/run-state.json and qapi/char.json for names and members.

import Bytes
import HostSupport

/// Something that happened to the machine.
public struct MonitorEvent: Sendable, Equatable {
    public var name: String
    public var data: [String: JSONValue]?

    private init(_ name: String, _ data: [String: JSONValue]? = nil) {
        self.name = name
        self.data = data
    }

    public static let stop = MonitorEvent("STOP")
    public static let resume = MonitorEvent("RESUME")
    public static let powerdown = MonitorEvent("POWERDOWN")
    public static let suspend = MonitorEvent("SUSPEND")
    public static let wakeup = MonitorEvent("WAKEUP")
    /// The guest hibernated.
    public static let suspendDisk = MonitorEvent("SUSPEND_DISK")
    /// The guest's kernel panicked, and goes on with one that was loaded for this.
    public static let guestCrashLoaded = MonitorEvent("GUEST_CRASHLOADED", ["action": "run"])
    /// The guest's kernel panicked, which is the end of its run.
    public static let guestPanicked = MonitorEvent("GUEST_PANICKED", ["action": "poweroff"])

    /// The guest did not refresh its watchdog.
    ///
    /// - Parameter action: what is done about it.
    public static func watchdog(_ action: String) -> MonitorEvent {
        MonitorEvent("WATCHDOG", ["action": .string(action)])
    }

    /// Somebody in the guest has opened a port, or closed it.
    ///
    /// - Parameters:
    ///   - id: the port's.
    ///   - isOpen: whether somebody is there.
    public static func portChange(_ id: String, isOpen: Bool) -> MonitorEvent {
        MonitorEvent("VSERPORT_CHANGE", ["id": .string(id), "open": .boolean(isOpen)])
    }

    /// A dump has ended.
    static func dumpCompleted(_ state: DumpState) -> MonitorEvent {
        var data: [String: JSONValue] = ["result": state.value]
        if case .failed(let reason) = state { data["error"] = .string(reason) }
        return MonitorEvent("DUMP_COMPLETED", data)
    }

    /// Why a machine is reset or shut down (`ShutdownCause`).
    public enum Cause: String, Sendable, CaseIterable {
        case hostError = "host-error"
        case quit = "host-qmp-quit"
        case hostReset = "host-qmp-system-reset"
        case signal = "host-signal"
        case guestShutdown = "guest-shutdown"
        case guestReset = "guest-reset"
        case guestPanic = "guest-panic"

        var isGuests: Bool { rawValue.hasPrefix("guest-") }
        fileprivate var data: [String: JSONValue] { ["guest": .boolean(isGuests), "reason": .string(rawValue)] }
    }

    public static func reset(_ cause: Cause) -> MonitorEvent { MonitorEvent("RESET", cause.data) }
    public static func shutdown(_ cause: Cause) -> MonitorEvent { MonitorEvent("SHUTDOWN", cause.data) }

    /// The event as clients read it.
    ///
    /// - Parameter nanoseconds: since 1970-01-01 UTC.
    func message(at nanoseconds: UInt64) -> [UInt8] {
        var members: [String: JSONValue] = [
            "event": .string(name),
            "timestamp": [
                "seconds": .integer(Int64(nanoseconds / 1_000_000_000)),
                "microseconds": .integer(Int64(nanoseconds / 1000 % 1_000_000)),
            ],
        ]
        if let data { members["data"] = .object(data) }
        return QMPMessage.bytes(.object(members))
    }
}

/// Lines that clients read.
enum QMPMessage {
    static func bytes(_ value: JSONValue) -> [UInt8] {
        // Of what JSON cannot have there is nothing in a value but numbers that are none, which nobody makes.
        ((try? StableJSON.bytes(of: value)) ?? Array("{}".utf8)) + Array("\r\n".utf8)
    }
}
