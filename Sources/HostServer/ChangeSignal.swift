// How an answer that goes on waits for more to say: until the host says that there may be, and a moment longer.
//
// What `Follower` is to the command: but an event loop has the descriptor, so that one who waits takes no thread.
// Responsible for: that a stream of what does not happen does nothing, and that one of what happens all the time looks
// ten times a second at most. Where the host tells nothing it looks as often as it did before there was this. Not
// responsible for: what is looked at.

import Glibc
import HostSupport
import NIOCore
import NIOPosix

/// Says when files may have changed.
final class ChangeSignal: Sendable {
    private let watch: FileWatch?
    private let signals: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let channel: (any Channel)?
    private let clock: RepeatedTask

    /// How long what begins is given to become whole, such as a line.
    private static let pause = Duration.milliseconds(100)
    /// How long nothing may be told before there is a look at it all the same: a file system on a network need not.
    private static let longest = TimeAmount.seconds(5)
    /// Between two looks where nothing is told.
    private static let shortest = TimeAmount.milliseconds(200)

    init() async {
        (signals, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        let continuation = continuation
        // A user may have no watches left.
        let watch = try? FileWatch()
        var channel: (any Channel)?
        if let watch { channel = try? await Self.connect(watch, continuation) }
        self.channel = channel
        self.watch = channel == nil ? nil : watch
        let rhythm = channel == nil ? Self.shortest : Self.longest
        clock = MultiThreadedEventLoopGroup.singleton.any().scheduleRepeatedTask(initialDelay: rhythm, delay: rhythm) {
            _ in continuation.yield()
        }
    }

    deinit {
        clock.cancel()
        channel?.close(promise: nil)
        continuation.finish()
    }

    private static func connect(
        _ watch: FileWatch, _ continuation: AsyncStream<Void>.Continuation
    ) async throws -> any Channel {
        let descriptor = try watch.duplicate()
        do {
            return try await NIOPipeBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                // inotify(7) gives no part of an event: a buffer that follows small reads becomes too small for a name.
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4096))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Handler(continuation: continuation))
                    }
                }
                .takingOwnershipOfDescriptor(input: descriptor).get()
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Hears that there is something to read. What it is nobody needs to know.
    private final class Handler: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let continuation: AsyncStream<Void>.Continuation

        init(continuation: AsyncStream<Void>.Continuation) {
            self.continuation = continuation
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield() }
    }

    /// Has changes told from now on. To be called before each look, so that nothing is missed between that and the
    /// wait. Waits for files.
    ///
    /// - Parameter add: adds what is to be told of.
    func prepare(_ add: (FileWatch) throws -> Void) rethrows { if let watch { try add(watch) } }

    /// Waits for a reason to look again.
    ///
    /// - Throws: `CancellationError` if the task was cancelled.
    func wait() async throws {
        var iterator = signals.makeAsyncIterator()
        guard await iterator.next() != nil else { throw CancellationError() }
        try await Task.sleep(for: Self.pause)
    }
}
