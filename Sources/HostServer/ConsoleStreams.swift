// The consoles that are being shown, so that what is posted finds its way to the guest: who writes is whoever has the
// VM's console socket, and that is one of these.

import FoundationEssentials
import Glibc
import HostSupport
import KeptVMs
import NIOCore
import NIOPosix
import Synchronization

/// The console streams that there are, by their ids.
final class ConsoleStreams: Sendable {
    /// One that may write.
    private struct Writer {
        var vm: String
        var channel: any Channel
    }

    private let writers = Mutex<[String: Writer]>([:])

    func add(_ id: String, vm: String, _ channel: any Channel) {
        writers.withLock { $0[id] = Writer(vm: vm, channel: channel) }
    }

    func remove(_ id: String) {
        _ = writers.withLock { $0.removeValue(forKey: id) }
    }

    /// Hands bytes on to the guest, which takes them when it likes: nobody waits for that.
    ///
    /// - Throws: a `Problem` if there is no such stream, or what was typed before still waits.
    func write(_ bytes: ByteBuffer, to id: String, vm: String) throws(Problem) {
        guard let writer = writers.withLock({ $0[id] }), writer.vm == vm else {
            throw Problem(
                .notFound, "no stream of this id writes to the console of VM \(vm); open one with ?write=true")
        }
        // What waits here has a bound.
        guard writer.channel.isWritable else {
            throw Problem(.noReaction, "the guest does not take what was typed before; try again")
        }
        guard writer.channel.isActive else { throw Problem(.notFound, "the console of VM \(vm) has ended") }
        writer.channel.writeAndFlush(bytes, promise: nil)
    }
}
