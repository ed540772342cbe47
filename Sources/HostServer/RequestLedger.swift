// Requests that have an id of their own (Idempotency-Key), and what was answered: one that comes again is answered from
// here, and does nothing twice.
//
// In the store, so that another server knows them, too. A request is noted before anything is done and its answer
// afterwards, both on stable storage; one of which there is no answer, and which nobody is at, was begun by a server
// that was killed, and nobody knows what came of it. Follows the IETF draft "The Idempotency-Key HTTP Header Field".

import Bytes
import Crypto
import FoundationEssentials
import Glibc
import HTTPTypes
import HostSupport
import Hummingbird
import NIOCore
import Synchronization

/// The requests of a store that have an id.
struct RequestLedger: Sendable {
    /// How long a request is remembered, in seconds.
    private static let memory = 86_400
    /// Requests that are remembered; more have to wait.
    private static let limit = 10_000

    let directory: String

    init(store: String) {
        // No VM has such a name.
        directory = "\(store)/.requests"
    }

    /// An answer, as it is kept.
    struct Answer: Codable, Sendable {
        var status: Int
        var type: String?
        var location: String?
        var body: String

        /// - Parameter response: one that does not go on.
        init(of response: Response) async throws {
            let collector = BodyCollector()
            try await response.body.write(collector)
            status = response.status.code
            type = response.headers[.contentType]
            location = response.headers[.location]
            body = collector.text
        }

        var response: Response {
            var headers: HTTPFields = [:]
            headers[.contentType] = type
            headers[.location] = location
            return Response(
                status: .init(code: status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
        }
    }

    /// What is known of a request.
    enum Finding: Sendable {
        /// It is new, and noted. The entry is to be finished.
        case new(Entry)
        case answered(Answer)
    }

    /// A request that is under way, as long as this object lives.
    final class Entry: Sendable {
        fileprivate let path: String
        private let descriptor: Int32

        fileprivate init(path: String, descriptor: Int32) {
            self.path = path
            self.descriptor = descriptor
        }

        deinit {
            close(descriptor)
        }

        /// Keeps the answer. When it returns, it is on stable storage.
        func finish(_ answer: Answer) throws {
            try DurableFile.write(StableJSON.bytes(of: answer), to: "\(path).answer", access: .ownerOnly)
        }

        /// Forgets a request of which nothing was done.
        func forget() {
            unlink(path)
        }
    }

    /// Looks a request up, and notes it if it is new. Waits for the disk.
    ///
    /// - Parameters:
    ///   - key: its id.
    ///   - request: what it asks for.
    /// - Throws: a `Problem` if the id is that of another request, or nobody knows what came of it.
    func find(_ key: String, _ request: [UInt8]) throws -> Finding {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try removeOld()
        let path = "\(directory)/\(Self.digest(Array(key.utf8)))"
        let digest = Array(Self.digest(request).utf8)
        return try note(digest, at: path).map { .new($0) } ?? .answered(try earlier(path, digest))
    }

    /// Notes a request; nil if there was one before. It is there whole and locked, or not at all.
    private func note(_ digest: [UInt8], at path: String) throws -> Entry? {
        let draft = "\(directory)/draft-\(UInt64.random(in: .min ... .max))"
        let descriptor = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(draft) }
        let entry = Entry(path: path, descriptor: descriptor)
        defer { unlink(draft) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, writeAll(digest, to: descriptor) == nil, fsync(descriptor) == 0
        else { throw Self.failure(draft) }
        guard link(draft, path) == 0 else {
            if errno == EEXIST { return nil }
            throw Self.failure(path)
        }
        DurableFile.synchronizeDirectory(of: path)
        return entry
    }

    private static func failure(_ path: String) -> Problem {
        Problem(.hostFailed, "\(path) cannot be written: \(String(cString: strerror(errno)))")
    }

    /// What an earlier request of this id was answered.
    private func earlier(_ path: String, _ digest: [UInt8]) throws -> Answer {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        defer { if descriptor >= 0 { close(descriptor) } }
        let isUnderWay = descriptor >= 0 && flock(descriptor, LOCK_SH | LOCK_NB) != 0
        guard !isUnderWay else {
            throw Problem(.inProgress, "a request of this Idempotency-Key is under way; ask again")
        }
        guard FileManager.default.contents(atPath: path).map({ [UInt8]($0) }) == digest else {
            throw Problem(.invalid, "another request had this Idempotency-Key; take a new one")
        }
        // Behind the lock: whoever had it has kept the answer before it let go of it.
        guard let data = FileManager.default.contents(atPath: "\(path).answer"),
            let answer = try? JSONDecoder().decode(Answer.self, from: data)
        else {
            throw Problem(
                .unknownOutcome,
                "a server that was killed had begun this request; look at the VM, and take a new Idempotency-Key")
        }
        return answer
    }

    /// Forgets what is too old.
    private func removeOld() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        guard names.count >= Self.limit / 10 else { return }
        var rest = names.count
        for name in names {
            var status = stat()
            guard stat("\(directory)/\(name)", &status) == 0, time(nil) - status.st_mtim.tv_sec > Self.memory else {
                continue
            }
            unlink("\(directory)/\(name)")
            rest -= 1
        }
        guard rest < Self.limit else {
            throw Problem(.busy, "\(Self.limit) requests with an Idempotency-Key are remembered; try again later")
        }
    }

    private static func digest(_ bytes: [UInt8]) -> String { Hexadecimal.text(of: Array(SHA256.hash(data: bytes))) }
}

/// Takes a body up, to be kept.
private final class BodyCollector: ResponseBodyWriter, Sendable {
    private let buffer = Mutex(ByteBuffer())

    var text: String { buffer.withLock { String(buffer: $0) } }

    func write(_ more: ByteBuffer) async throws {
        buffer.withLock { buffer in
            var more = more
            buffer.writeBuffer(&more)
        }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
