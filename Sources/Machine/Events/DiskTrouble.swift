// What a machine tells of its disks.

import Devices

/// What is to be said of a disk of the machine and the host that it is on.
public struct DiskTrouble: Sendable {
    /// The index in `MachineConfiguration.disks`.
    public var disk: Int
    public var path: String
    public var event: DiskEvent

    /// For people.
    public var words: String {
        switch event {
        case .failed(let error): "\(error); the guest is told of an error, each time that this happens"
        case .held(let error): "\(error); the guest is paused, and goes on by itself once the host can do it"
        case .released: "disk \(path) does what it is asked for again; the guest goes on"
        }
    }
}
