import Hibernation
import Testing

@testable import Machine

@Suite("What the record keeps of firmware")
struct FirmwareEnvironmentTests {
    private static let files = MeasuredFiles(isFlat: false, kernel: Fingerprint(of: [1]), initrd: nil, disks: [])

    private func environment(_ change: (inout MachineConfiguration) -> Void) -> Environment {
        var configuration = MachineConfiguration(kernel: "Image")
        change(&configuration)
        return configuration.environment(Self.files)
    }

    private func paths(_ differences: [EnvironmentDifference], _ consequence: Consequence) -> Set<String> {
        Set(differences.filter { $0.consequence == consequence }.map(\.path))
    }

    @Test("Firmware of another kind must not be what a hibernated guest finds")
    func kind() {
        let differences = environment { $0.hardwareDescription = .acpi }.differences(from: environment { _ in })
        #expect(paths(differences, .mustMatch).contains("firmware.kind"))
    }

    @Test("The hardware signature, which follows from the record, is no part of it")
    func signature() {
        let one = environment { $0.hardwareDescription = .acpi }
        let other = environment {
            $0.hardwareDescription = .acpi
            $0.hardwareSignature = 0xC0FF_EE01
        }
        #expect(one.differences(from: other).isEmpty)
    }

    @Test("ACPI's tables are seen to change", arguments: HardwareDescription.allCases)
    func tables(firmware: HardwareDescription) {
        let one = environment { $0.hardwareDescription = firmware }
        let other = environment {
            $0.hardwareDescription = firmware
            $0.cpuCount = 4
        }
        #expect(one["firmware.tables"] != other["firmware.tables"])
    }

    @Test("A generation id may change, and must not come or go", arguments: HardwareDescription.allCases)
    func generationID(firmware: HardwareDescription) {
        func with(_ id: [UInt8]?) -> Environment {
            environment {
                $0.hardwareDescription = firmware
                $0.generationID = id
            }
        }
        let one = with([UInt8](repeating: 1, count: 16))
        let changed = with([UInt8](repeating: 2, count: 16)).differences(from: one)
        #expect(changed.map(\.path) == ["generation-id.value"])
        #expect(changed.map(\.consequence) == [.mayChange])
        #expect(
            HardwareSignature.of(one, generation: 1)
                == HardwareSignature.of(with([UInt8](repeating: 2, count: 16)), generation: 1))
        #expect(paths(with(nil).differences(from: one), .mustMatch).contains("generation-id.address"))
    }
}
