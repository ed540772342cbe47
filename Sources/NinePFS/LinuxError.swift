// Errors as 9P2000.L has them: the numbers of Linux, which are the same on x86-64 and arm64.

import Glibc

/// Why something cannot be done.
struct LinuxError: Error, Equatable {
    var code: Int32

    /// What the host said last.
    static var last: Self { Self(code: errno) }

    static let invalid = Self(code: EINVAL)
    static let noEntry = Self(code: ENOENT)
    static let nameTooLong = Self(code: ENAMETOOLONG)
    static let exists = Self(code: EEXIST)
    static let badFid = Self(code: EBADF)
    static let notSupported = Self(code: EOPNOTSUPP)
    static let readOnly = Self(code: EROFS)
    static let notPermitted = Self(code: EPERM)
    static let isDirectory = Self(code: EISDIR)
    static let notDirectory = Self(code: ENOTDIR)
    static let notEmpty = Self(code: ENOTEMPTY)
    static let tooManyOpen = Self(code: EMFILE)
    static let tooManyFids = Self(code: ENFILE)
    static let noSpace = Self(code: ENOSPC)
    static let tooLong = Self(code: EMSGSIZE)
    static let isLoop = Self(code: ELOOP)
    static let noDevice = Self(code: ENXIO)
    static let inputOutput = Self(code: EIO)
    static let notSymbolicLink = invalid

    /// Throws what the host said, if a call failed.
    ///
    /// - Parameter result: below zero for an error.
    static func check(_ result: Int32) throws(Self) { if result < 0 { throw last } }
}
