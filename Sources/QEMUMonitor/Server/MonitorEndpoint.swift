// Where a monitor is to be had.

import HostSupport

/// The languages of monitors.
public enum MonitorMode: String, Sendable, CaseIterable {
    /// QMP, for programs.
    case control
    /// HMP, for people.
    case readline
}

/// A monitor, and how clients come to it.
public struct MonitorEndpoint: Sendable {
    /// How clients come.
    public enum Access: Sendable {
        /// They connect, one after the other. A socket of the file system is removed at the end.
        case listening(StreamSocket, path: String?)
        /// There is one, and no other.
        case connected(StreamSocket)
    }

    public var mode: MonitorMode
    public var access: Access

    /// - Parameters:
    ///   - mode: its language.
    ///   - access: how clients come to it.
    public init(mode: MonitorMode, access: Access) {
        self.mode = mode
        self.access = access
    }
}
