// A VM's console: what the guest writes as server-sent events, and what is typed as requests. No WebSocket: this goes
// through every proxy, needs no other protocol, and a client that misses something is told by the VM how much.

import Bytes
import FoundationEssentials
import Glibc
import HTTPTypes
import HostSupport
import Hummingbird
import KeptVMs
import NIOCore
import NIOPosix

extension Route {
    private typealias ConsoleChannel = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// What is told first.
    private struct Opening: Encodable {
        /// Where input is posted to.
        var stream: String
        /// Whether input goes to the guest.
        var writes: Bool
        /// Why not.
        var detail: String
        /// Bytes of output that are of before; nil if nobody knows.
        var old: Int?
    }

    @Sendable static func streamConsole(_ call: Call) async throws -> Response {
        let role: ConsoleRole = try call.query("write").flag("write") == true ? .write : .read
        let vm = try await call.vm()
        let (socket, greeting) = try await openConsole(of: vm, role, call.server)
        let consoles = call.server.consoles
        return try call.stream("text/event-stream") { writer in
            let id = Hexadecimal.text(of: VMStore.randomGenerationID())
            let opening = Opening(stream: id, writes: greeting.writes, detail: greeting.detail, old: greeting.old)
            let channel = try await connect(socket)
            try await channel.executeThenClose { inbound, _ in
                if greeting.writes { consoles.add(id, vm: vm.name, channel.channel) }
                defer { consoles.remove(id) }
                try await writer.write(
                    ServerSentEvent(kind: "open", data: try StableJSON.text(of: opening)).text)
                var output = inbound.makeAsyncIterator()
                // A process that is killed with typed bytes unread has its connection reset: an end as any other.
                while let bytes = try? await output.next() {
                    let text = Data(bytes.readableBytesView).base64EncodedString()
                    try await writer.write(ServerSentEvent(kind: "output", data: text).text)
                }
            }
            try await writer.write(ServerSentEvent(kind: "end", data: "{}").text)
        }
    }

    /// How long a VM has to answer, in milliseconds.
    private static let patience = 1000
    /// Between two looks at whether it has.
    private static let pause = Duration.milliseconds(20)

    /// Opens a VM's console. Whoever waits for one that hangs takes no thread meanwhile: there are few, and who asks for
    /// another VM needs one.
    private static func openConsole(
        of vm: VM, _ role: ConsoleRole, _ server: ServerState
    ) async throws -> (StreamSocket, ConsoleGreeting) {
        let deadline = ContinuousClock.now.advanced(by: .milliseconds(patience))
        while .now < deadline {
            let pending = try await server.blocking { try vm.askForConsole(role, patience: patience, waits: false) }
            guard let pending else {
                try await Task.sleep(for: pause)
                continue
            }
            while !pending.isOver { try await Task.sleep(for: pause) }
            return (pending.socket, try await server.blocking { try pending.greeting() })
        }
        throw HostError.takesNoConnections(name: vm.name)
    }

    /// The connection, for those who serve many at a time.
    private static func connect(_ socket: StreamSocket) async throws -> ConsoleChannel {
        // The socket closes its own descriptor.
        let descriptor = fcntl(socket.descriptor, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "dup") }
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .withConnectedSocket(descriptor) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try ConsoleChannel(wrappingChannelSynchronously: channel)
                }
            }
    }

    /// Bytes that are typed at once.
    private static let inputLimit = 1 << 14

    @Sendable static func writeConsole(_ call: Call) async throws -> Response {
        _ = try call.query()
        let vm = try await call.vm()
        let type = call.request.headers[.contentType]
        let bytes: ByteBuffer
        do {
            bytes = try await call.request.body.collect(upTo: inputLimit)
        } catch is NIOTooManyBytesError {
            throw Problem(.tooLarge, "more than \(inputLimit) bytes are typed at once; send them in pieces")
        }
        guard type == "application/octet-stream" || bytes.readableBytes == 0 else {
            throw Problem(.unsupportedMediaType, "send what is typed as application/octet-stream")
        }
        try call.server.consoles.write(bytes, to: call.parameters["stream"] ?? "", vm: vm.name)
        return Response(status: .noContent)
    }
}
