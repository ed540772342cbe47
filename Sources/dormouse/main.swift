@preconcurrency import Foundation
import Machine
import PSCI

let args = CommandLine.arguments
var configuration = MachineConfiguration(kernel: args[1])
if args.count > 2, args[2] != "-" { configuration.initrd = args[2] }
if args.count > 3 { configuration.commandLine = args[3] }
if args.count > 4, args[4] != "-" { configuration.disks = [DiskConfiguration(path: args[4])] }
if args.count > 5 { configuration.cpuCount = Int(args[5])! }
let machine = try VirtualMachine(
    configuration,
    events: MachineEvents(
        consoleOutput: { bytes in FileHandle.standardOutput.write(Data(bytes)) },
        firmwareCall: { core, call in
            if ProcessInfo.processInfo.environment["TRACE"] != nil { FileHandle.standardError.write(Data(("cpu\(core): \(call)\n").utf8)) }
        }))
signal(SIGINT, SIG_IGN)
let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
source.setEventHandler { FileHandle.standardError.write(Data((machine.dump() + "\n").utf8)); machine.stop(because: "signal") }
source.resume()
let start = Date()
print(try machine.run(), Date().timeIntervalSince(start))
FileHandle.standardError.write(Data((machine.dump() + "\n").utf8))
