// What an error of a library is in the words of the command line: which option or subcommand helps.
//
// A library says what is wrong and what to do; it knows no options.

import Boot
import Devices
import DiskImages
import Hibernation
import Hypervisor
import KeptVMs
import Machine

extension Command {
    /// What went wrong, one line.
    static func words(_ error: any Error) -> String { "\(error)\(advice(error) ?? "")" }

    /// To follow what the error says of itself.
    private static func advice(_ error: any Error) -> String? {
        switch error {
        case let error as MachineError: advice(error)
        case let error as HostError: advice(error)
        // Of an overlay that is made, or a disk that is copied.
        case DiskImageError.unnamedFormat: " (,format=qcow2; --backing-format qcow2, --from qcow2)"
        case ImageReportError.noPartition: "; leave --partition out to search all of it"
        case ImageReportError.foreign: " with --disk-format raw"
        case ImageReportError.disk(.image(.unnamedFormat)): " with --disk-format qcow2"
        default: nil
        }
    }

    private static func advice(_ error: MachineError) -> String? {
        switch error {
        case .cpuCount: " with --cpus"
        case .memorySize: ", with --memory"
        case .generationID: " with --generation-id"
        case .kernel(_, .notAnImage(.unknown)): ", or say --kernel-format flat if it is flat code"
        case .initrdForFlatImage, .initrdWithoutKernel: " (--initrd)"
        case .nothingToStart: " (--kernel, --firmware uefi)"
        case .flatImageWithUEFI: " (--firmware, --kernel-format)"
        case .noUEFI: " (--firmware uefi --model virt-2)"
        case .notVariables: " with --uefi-vars"
        case .noACPIFirmware: " (--firmware uefi=CODE,dt)"
        case .boot(.menuWait): " (--boot-menu)"
        case .boot: " (--boot)"
        case .bootPlan(.notEnoughMemory), .bootPlan(.notEnoughMemoryForUEFI): " with --memory"
        case .bootPlan(.flatImageWithACPI): " (--firmware)"
        case .disk(.foreign): " with ,format=raw behind its path"
        case .disk(.image(.unnamedFormat)): " with ,format=qcow2 behind its path"
        case .sameDisk: " with ,readonly=on"
        case .watchdogButton: " (--firmware acpi, or another --watchdog)"
        case .laboratoryDisk: ", in the order of --disk (--lab)"
        case .laboratoryFlash: " (--lab, --firmware uefi)"
        case .network(.instructionClock): " (--net, --clock=instructions)"
        case .network(.sameMAC): " with ,mac="
        case .network(.mtu): " with ,mtu="
        case .network(.noPasst): ": --net passt=SOCKET or --net tap=INTERFACE"
        case .memory(.cannotReserve): " (--memory, ulimit -v)"
        default: nil
        }
    }

    private static func advice(_ error: HostError) -> String? {
        switch error {
        case .wouldLose: " with --force"
        case .noHome: "; say --store DIRECTORY, or set DORMOUSE_STORE"
        case .notFound: "; `dormouse list` says which there are, `dormouse create` makes one"
        case .running(let name, _): " with `dormouse stop \(name)`"
        case .notRunning(let name): " with `dormouse start \(name)`"
        case .noConfiguration(let name, _): ": `dormouse repair \(name)` makes one of what is remembered"
        case .state(let name, _, _): ": `dormouse repair \(name)` makes a new one"
        case .copyDisks: ", with --disk; or --full copies them, and --overlay shares them"
        case .cannotShare: " (--full)"
        default: nil
        }
    }
}
