// What a path leads to.

import Glibc

/// The kinds of files that there are.
public enum FileKind: Equatable, Sendable {
    case regular
    case directory
    case pipe
    case socket
    case characterDevice
    case blockDevice
    case symbolicLink

    /// nil if it is none of these.
    public init?(mode: mode_t) {
        switch mode & S_IFMT {
        case S_IFREG: self = .regular
        case S_IFDIR: self = .directory
        case S_IFIFO: self = .pipe
        case S_IFSOCK: self = .socket
        case S_IFCHR: self = .characterDevice
        case S_IFBLK: self = .blockDevice
        case S_IFLNK: self = .symbolicLink
        default: return nil
        }
    }

    /// To follow "it is".
    public var words: String {
        switch self {
        case .regular: "a regular file"
        case .directory: "a directory"
        case .pipe: "a pipe"
        case .socket: "a socket"
        case .characterDevice: "a character device"
        case .blockDevice: "a block device"
        case .symbolicLink: "a symbolic link"
        }
    }
}
