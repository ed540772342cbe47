// What a guest's operating system is told, as `vm.toml` has it.

import Machine

extension VMConfiguration {
    /// The section `[guest]`.
    public struct Guest: Codable, Hashable, Sendable {
        public var hostname: String?
        public var user: String?
        public var sshKeys: [String]?
        /// `hibernate` or `guest`.
        public var sleepButton: String
        /// Whether there is a port for QEMU's guest agent.
        public var agent: Bool?

        enum CodingKeys: String, CodingKey {
            case hostname, user, agent
            case sshKeys = "ssh-keys"
            case sleepButton = "sleep-button"
        }

        init(_ setup: GuestSetup, hasAgent: Bool) {
            agent = hasAgent ? true : nil
            hostname = setup.hostname
            user = setup.user
            sshKeys = setup.sshKeys.isEmpty ? nil : setup.sshKeys
            sleepButton = setup.sleepButton.rawValue
        }

        func setup() throws(VMConfigurationError) -> GuestSetup {
            var setup = GuestSetup()
            setup.hostname = hostname
            setup.user = user
            setup.sshKeys = sshKeys ?? []
            setup.sleepButton = try VMConfiguration.value(sleepButton, "guest.sleep-button")
            return setup
        }
    }
}
