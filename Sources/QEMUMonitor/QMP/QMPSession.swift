// One client's conversation in QMP.
//
// Follows QEMU's docs/interop/qmp-spec.rst: a greeting, the client's word that it is ready, and then commands and
// events.

import Bytes

/// What a client and a monitor say to each other.
struct QMPSession: MonitorSession {
    private let monitor: Monitor
    private var framer = MessageFramer()
    private(set) var takesEvents = false

    init(_ monitor: Monitor) { self.monitor = monitor }

    var greeting: [UInt8] {
        var version = QMPArguments([:])
        let answer = try? MonitorCommand.byName["query-version"]?.run(monitor, &version)
        return QMPMessage.bytes(["QMP": ["version": answer?.value ?? [:], "capabilities": []]])
    }

    mutating func hear(_ bytes: inout ArraySlice<UInt8>) -> MonitorReply? {
        switch framer.next(&bytes) {
        case .message(let message)?: answer(message)
        case .garbage?: reply(nil, .failure(QMPError("this is no JSON")))
        case .excessive?:
            reply(
                nil,
                .failure(
                    QMPError(
                        "a command has at most \(MessageFramer.maximumByteCount) bytes and "
                            + "\(MessageFramer.maximumDepth) levels")))
        case nil: nil
        }
    }

    private mutating func answer(_ message: [UInt8]) -> MonitorReply {
        let (id, request) = QMPRequest.parse(message)
        do throws(QMPError) { return reply(id, .success(try execute(try request.get()))) } catch {
            return reply(id, .failure(error))
        }
    }

    private mutating func execute(_ request: QMPRequest) throws(QMPError) -> MonitorCommand.Answer {
        guard request.command != "qmp_capabilities" else {
            guard !takesEvents else { throw QMPError("capabilities are agreed on already", .commandNotFound) }
            var arguments = QMPArguments(request.arguments)
            let wanted = try arguments.optionalStrings("enable") ?? []
            try arguments.finish()
            if let name = wanted.first { throw QMPError("the capability \"\(name.prefix(64))\" is not offered") }
            takesEvents = true
            return MonitorCommand.Answer()
        }
        guard takesEvents else {
            throw QMPError("the first command is qmp_capabilities", .commandNotFound)
        }
        return try MonitorCommand.execute(request, monitor)
    }

    private func reply(_ id: JSONValue?, _ result: Result<MonitorCommand.Answer, QMPError>) -> MonitorReply {
        var members: [String: JSONValue]
        var then: (@Sendable () -> Void)?
        switch result {
        case .success(let answer):
            members = ["return": answer.value]
            then = answer.then
        case .failure(let error):
            members = ["error": ["class": .string(error.errorClass.rawValue), "desc": .string(error.description)]]
        }
        if let id { members["id"] = id }
        return MonitorReply(bytes: QMPMessage.bytes(.object(members)), then: then)
    }
}
