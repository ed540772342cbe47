// Why a command was not done, as a client is told.

/// An error of QMP's.
public struct QMPError: Error, Equatable {
    /// The classes that QEMU has (qapi/error.json).
    public enum Class: String, Sendable {
        case generic = "GenericError"
        case commandNotFound = "CommandNotFound"
        case deviceNotActive = "DeviceNotActive"
        case deviceNotFound = "DeviceNotFound"
    }

    public var errorClass: Class
    /// For people.
    public var description: String

    public init(_ description: String, _ errorClass: Class = .generic) {
        self.errorClass = errorClass
        self.description = description
    }
}
