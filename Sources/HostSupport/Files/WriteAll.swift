// Writing all of some bytes to a descriptor: write(2) may do less than it was asked for, or nothing for now.

import Glibc

/// Writes all of `bytes` to `descriptor`. A descriptor that somebody who shares it made non-blocking is waited for.
///
/// - Parameter patience: how long a reader that takes nothing is waited for, in milliseconds; nil for ever.
/// - Returns: the error number if it could not be done, ETIMEDOUT if patience was at its end.
public func writeAll(_ bytes: some Collection<UInt8>, to descriptor: Int32, patience: Int32? = nil) -> Int32? {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count == 0 { return EIO }
        if count > 0 {
            rest = rest.dropFirst(count)
            continue
        }
        switch errno {
        case EINTR: break
        case EAGAIN:
            var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            if poll(&polled, 1, patience ?? -1) == 0 { return ETIMEDOUT }
        case let code: return code
        }
    }
    return nil
}
