// Boots a guest and waits for its end: `boot KERNEL [INITRD]`, a Linux Image for arm64 or flat code in a .bin file.

import Dormouse
import Foundation

@main
struct Example {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count > 1 else { return print("usage: boot KERNEL [INITRD]") }
        var configuration = MachineConfiguration(kernel: arguments[1])
        configuration.initrd = arguments.count > 2 ? arguments[2] : nil
        configuration.cpuCount = 2
        configuration.commandLine = "console=ttyAMA0"
        let machine = try VirtualMachine(
            configuration, events: MachineEvents(consoleOutput: { FileHandle.standardOutput.write(Data($0)) }))
        defer { machine.close() }
        let end = try machine.run()
        print("the guest \(end.words([])), after \(machine.instructionCount) instructions")
    }
}
