// Directories of the host that a guest may mount.

import Devices
import NinePFS

/// A share of a machine: a directory, by a tag.
public struct ShareConfiguration: Sendable, Hashable {
    /// Of the directory on the host.
    public var path: String
    /// What the guest mounts it by.
    public var tag: String
    /// How owners and modes are kept.
    public var securityModel: NinePSecurityModel
    public var isReadOnly: Bool

    /// - Parameters:
    ///   - path: of the directory on the host.
    ///   - tag: what the guest mounts it by.
    ///   - securityModel: how owners and modes are kept.
    ///   - isReadOnly: whether nothing is changed.
    public init(path: String, tag: String, securityModel: NinePSecurityModel = .none, isReadOnly: Bool = false) {
        self.path = path
        self.tag = tag
        self.securityModel = securityModel
        self.isReadOnly = isReadOnly
    }
}

extension MachineConfiguration {
    /// Throws if these shares cannot be had.
    public func checkShares() throws(MachineError) {
        guard !shares.isEmpty else { return }
        guard disks.count <= model.shareSlot(shares.count - 1, self) else {
            throw .share(.tooMany(shares.count, limit: model.maximumDiskCount))
        }
        var tags: Set<String> = []
        for share in shares {
            guard (1...NinePDevice.tagLimit).contains(share.tag.utf8.count), !share.tag.contains("\0") else {
                throw .share(.tag(String(share.tag.prefix(40))))
            }
            guard tags.insert(share.tag).inserted else { throw .share(.sameTag(share.tag)) }
        }
    }
}

/// Why a share cannot be had. The text is for the user, one line.
public enum ShareError: Error, Hashable, CustomStringConvertible {
    case tooMany(Int, limit: Int)
    case tag(String)
    case sameTag(String)
    case directory(NinePShareError)

    public var description: String {
        switch self {
        case .tooMany(let count, let limit):
            "\(count) shares are too many beside the other devices; this machine has slots for \(limit) together"
        case .tag(let tag): "\"\(tag)\" cannot be the tag of a share; take up to \(NinePDevice.tagLimit) bytes of text"
        case .sameTag(let tag): "two shares have the tag \(tag); give one of them another"
        case .directory(let error): error.description
        }
    }
}
