// The port by which a guest's agent is spoken to, as the machine has it.

import Devices

extension GuestAgent {
    /// What the agent looks for in the guest. Port 0 of a device is for a console, by custom.
    public static let port = ConsolePort(number: 1, name: "org.qemu.guest_agent.0")
}
