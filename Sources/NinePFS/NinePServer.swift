// A server of 9P2000.L for one directory of the host: what a guest mounts as a share.
//
// Responsible for: that messages are carried out one after the other, and what is saved of a session. Not responsible
// for: how messages come here (`Devices` has a virtio device for that).
//
// No library of Swift's speaks 9P. What is here is the part of 9P2000.L that Linux's client uses; locks are the guest's
// own.

import Bytes
import Glibc
import Synchronization

/// A directory that is shared.
public struct NinePShare: Sendable, Hashable {
    /// Of the directory on the host.
    public var path: String
    public var securityModel: NinePSecurityModel
    public var isReadOnly: Bool

    /// - Parameters:
    ///   - path: of the directory on the host.
    ///   - securityModel: how owners and modes are kept.
    ///   - isReadOnly: whether nothing is changed.
    public init(path: String, securityModel: NinePSecurityModel = .none, isReadOnly: Bool = false) {
        self.path = path
        self.securityModel = securityModel
        self.isReadOnly = isReadOnly
    }
}

/// Why a directory cannot be shared. The text is for the user, one line.
public struct NinePShareError: Error, Hashable, CustomStringConvertible {
    public var path: String
    public var code: Int32

    public var description: String { "cannot share \(path): \(String(cString: strerror(code)))" }
}

/// Serves one share.
public final class NinePServer: Sendable {
    /// A session as it is saved: what each fid is of. Files that are open are opened again, if they are still there.
    public struct Saved: Codable, Sendable, Hashable {
        struct Fid: Codable, Hashable {
            var number: UInt32
            var user: UInt32
            /// The names from the root down.
            var path: [[UInt8]]
            /// With which flags it is open; nil if it is not.
            var flags: UInt32?
            /// The extended attribute that it stands for.
            var attribute: NinePSession.ExtendedAttribute?
        }

        var messageSize: UInt32
        /// By number.
        var fids: [Fid]
    }

    /// The least bytes of a message.
    public static let headerByteCount = NinePMessage.headerByteCount
    /// The most bytes of a message, whatever a client asks for.
    public static let messageByteLimit = Int(NinePSession.messageSizes.upperBound)

    private let session: Mutex<NinePSession>

    /// - Parameters:
    ///   - share: what is shared.
    ///   - openFiles: what counts its open files; other servers may have it as well.
    public init(_ share: NinePShare, openFiles: NinePOpenFiles = NinePOpenFiles()) throws(NinePShareError) {
        let session: NinePSession
        do throws(LinuxError) {
            session = NinePSession(try HostFiles(path: share.path), share, openFiles)
        } catch { throw NinePShareError(path: share.path, code: error.code) }
        self.session = Mutex(session)
    }

    /// Carries out a message, and returns the answer; an empty one if the message has no header.
    ///
    /// - Parameters:
    ///   - message: with its header.
    ///   - limit: the most bytes that the answer may have.
    public func answer(_ message: [UInt8], limit: Int) -> [UInt8] {
        guard message.count >= NinePMessage.headerByteCount else { return [] }
        return session.withLock { $0.answer(message, limit: limit) }
    }

    /// Closes everything, as for a client that begins anew.
    public func reset() { session.withLock { $0.forget() } }

    /// What is to be known for going on.
    public var saved: Saved { session.withLock { $0.saved } }

    /// Goes on with a session that was saved.
    ///
    /// - Parameter saved: of a server of the same share.
    /// - Returns: whether it is one that a client can have come to. If not, nothing has changed.
    public func restore(_ saved: Saved) -> Bool { session.withLock { $0.restore(saved) } }
}

extension NinePSession {
    func forget() {
        fids = [:]
        messageSize = Self.messageSizes.upperBound
    }

    var saved: NinePServer.Saved {
        NinePServer.Saved(
            messageSize: messageSize,
            fids: fids.sorted { $0.key < $1.key }.map { number, fid in
                NinePServer.Saved.Fid(
                    number: number, user: fid.user, path: fid.node.path, flags: fid.file?.flags,
                    attribute: fid.attribute?.value)
            })
    }

    func restore(_ saved: NinePServer.Saved) -> Bool {
        guard Self.messageSizes.contains(saved.messageSize), saved.fids.count <= Self.fidLimit,
            saved.fids.count(where: { $0.attribute != nil }) <= Self.attributeLimit
        else { return false }
        var restored: [UInt32: Fid] = [:]
        var last: UInt32?
        for old in saved.fids {
            // In their order, and each once.
            guard let node = node(old.path), last.map({ $0 < old.number }) ?? true else { return false }
            last = old.number
            let fid = Fid(node, user: old.user)
            // It may be gone, or be another one, and its client finds that it is not open.
            if let flags = old.flags, openFiles.hasRoom {
                fid.file = try? open(files.file(node), flags)
            }
            if let attribute = old.attribute {
                guard old.flags == nil, attribute.isPossible else { return false }
                fid.attribute = HeldAttribute(attribute, counter: heldAttributes)
            }
            restored[old.number] = fid
        }
        fids = restored
        messageSize = saved.messageSize
        return true
    }

    private func node(_ path: [[UInt8]]) -> FileNode? {
        var node = root
        for name in path {
            let isName = !name.isEmpty && name.count <= FileNode.nameLimit && !name.contains(0)
            guard isName, !name.contains(UInt8(ascii: "/")), name != FileNode.this, name != FileNode.above,
                !isReserved(name),
                let next = try? node.child(name)
            else { return nil }
            node = next
        }
        return node
    }
}
