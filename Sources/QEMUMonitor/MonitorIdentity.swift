// What does not change while a machine runs and clients may ask for.

/// Names of a machine and of what steers it.
public struct MonitorIdentity: Sendable {
    /// A character device, as clients see it.
    public struct CharacterDevice: Sendable, Equatable {
        public var label: String
        /// What it is connected to, for people.
        public var filename: String

        /// - Parameters:
        ///   - label: its id.
        ///   - filename: what it is connected to.
        public init(label: String, filename: String) {
            self.label = label
            self.filename = filename
        }
    }

    /// QEMU's version whose commands these are.
    public var qemuVersion: (major: Int, minor: Int, micro: Int)
    /// What this is, really.
    public var package: String
    public var name: String?
    /// 16 bytes as text; of zeros if the machine has none.
    public var uuid: String
    public var characterDevices: [CharacterDevice]

    /// - Parameters:
    ///   - qemuVersion: of the QEMU whose commands these are.
    ///   - package: what this is, really.
    ///   - name: the machine's; nil for none.
    ///   - uuid: the machine's.
    ///   - characterDevices: what its serial ports and monitors are connected to.
    public init(
        qemuVersion: (major: Int, minor: Int, micro: Int), package: String, name: String?, uuid: String,
        characterDevices: [CharacterDevice]
    ) {
        self.qemuVersion = qemuVersion
        self.package = package
        self.name = name
        self.uuid = uuid
        self.characterDevices = characterDevices
    }

    var versionText: String { "\(qemuVersion.major).\(qemuVersion.minor).\(qemuVersion.micro)" }
}
