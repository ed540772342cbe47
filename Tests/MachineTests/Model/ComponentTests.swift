// The list of components: nothing in it is unrecorded, and nothing is in two places.

import Boot
import Bytes
import Devices
import FoundationEssentials
import Hibernation
import Hypervisor
import PSCI
import TestSupport
import Testing

@testable import Machine

@Suite("The components of a machine")
struct ComponentTests {
    /// Everything that there can be, told of by `firmware`.
    private static func machine(_ firmware: HardwareDescription, _ model: MachineModel = .virt1) -> MachineConfiguration
    {
        var machine = MachineConfiguration(kernel: "Image", model: model)
        machine.memoryByteCount = 128 << 20
        machine.cpuCount = 2
        machine.hardwareDescription = firmware
        machine.networks = [NetworkConfiguration(.tap(interface: "t"))]
        machine.disks = [DiskConfiguration(path: "/a")]
        machine.generationID = Array(0..<16)
        machine.console = .virtio
        machine.watchdog = .crash
        machine.wantsDeviceTreeButtons = true
        machine.shares = [ShareConfiguration(path: "/tmp", tag: "share")]
        machine.ports = [ConsolePort(number: 0, isConsole: true), ConsolePort(number: 1, name: "org.agent")]
        // What only a later model has.
        if model.flash != nil {
            machine.uefi = UEFIConfiguration(code: "/code.fd")
            machine.bootOrder = [.disk(0)]
            machine.bootMenuWait = 5
        }
        return machine
    }

    private static let files = MeasuredFiles(
        isFlat: false, kernel: Fingerprint(of: [1]), initrd: nil, disks: [DiskGeometry(byteCount: 1 << 20)])

    /// A change of one constant of one component.
    struct Mutation: Sendable, CustomTestStringConvertible {
        /// The component's type, and the constant.
        var type: String
        var field: String
        var change: @Sendable (inout MachineComponents) -> Void
        /// Seen with ACPI only.
        var firmware = HardwareDescription.acpi
        /// The first that has the component.
        var model = MachineModel.virt1
        var testDescription: String { type + "." + field }
    }

    private static let elsewhere: Range<PhysicalAddress> = 0x0C00_0000..<0x0C00_1000

    private static func of<Kind: Component>(
        _ kind: Kind.Type, _ field: String, firmware: HardwareDescription = .acpi, model: MachineModel = .virt1,
        _ change: @escaping @Sendable (inout Kind) -> Void
    ) -> Mutation {
        Mutation(type: "\(kind)", field: field, change: { $0.change(kind, change) }, firmware: firmware, model: model)
    }

    private static func of<Kind: VirtioFunction>(
        _ kind: Kind.Type, _ field: String, _ change: @escaping @Sendable (inout Kind) -> Void
    ) -> Mutation {
        Mutation(type: "\(kind)", field: field, change: { $0.changeFunction(kind, change) })
    }

    private static func gic(
        _ field: String, _ change: @escaping @Sendable (inout InterruptControllerComponent) -> Void
    ) -> Mutation {
        Mutation(type: "InterruptControllerComponent", field: field, change: { change(&$0.interruptController) })
    }

    private static func identity(
        _ field: String, _ change: @escaping @Sendable (inout GIC.Identity) -> Void
    ) -> Mutation {
        Mutation(type: "Identity", field: field, change: { change(&$0.interruptController.identity) })
    }

    private static func timer(
        _ field: String, _ change: @escaping @Sendable (inout TimerComponent) -> Void
    ) -> Mutation {
        Mutation(type: "TimerComponent", field: field, change: { change(&$0.timers) })
    }

    private static let mutations: [Mutation] = [
        gic("distributor") { $0.distributor = elsewhere },
        gic("redistributors") { $0.redistributors = 0x080C_0000..<0x0810_0000 },
        gic("identity") { $0.identity.spiCount += 1 },
        identity("spiCount") { $0.spiCount += 1 },
        identity("priorityBits") { $0.priorityBits += 1 },
        identity("distributorType") { $0.distributorType ^= 1 << 25 },
        identity("implementer") { $0.implementer += 1 },
        identity("peripheralID2") { $0.peripheralID2 = 0x40 },
        identity("interfaceControl") { $0.interfaceControl ^= 1 << 15 },
        timer("secure") { $0.secure = 20 }, timer("physical") { $0.physical = 20 },
        timer("virtual") { $0.virtual = 20 },
        timer("hypervisor") { $0.hypervisor = 20 },
        Mutation(
            type: "ProcessorDescription", field: "performanceINTID", change: { $0.processors.performanceINTID = 23 }),
        Mutation(type: "ProcessorDescription", field: "hasTopology", change: { $0.processors.hasTopology = true }),
        of(SerialPortComponent.self, "registers") { $0.registers = elsewhere },
        of(SerialPortComponent.self, "spi") { $0.spi = 100 },
        of(SerialPortComponent.self, "isSetUp") { $0.isSetUp.toggle() },
        of(SerialPortComponent.self, "peripheralID") { $0.peripheralID += 1 << 20 },
        of(SerialPortComponent.self, "fifoDepth") { $0.fifoDepth = 32 },
        of(RealTimeClockComponent.self, "registers") { $0.registers = elsewhere },
        of(RealTimeClockComponent.self, "spi", firmware: .deviceTree) { $0.spi = 100 },
        of(RealTimeClockComponent.self, "revision") { $0.revision = .r1p3 },
        of(RealTimeClockComponent.self, "acpiForm") { $0.acpiForm = .primeCell },
        of(VirtioComponent.self, "slot") { $0.slot += 32 },
        of(VirtioComponent.self, "registers") { $0.registers = elsewhere },
        of(VirtioComponent.self, "spi") { $0.spi += 100 },
        of(VirtioComponent.self, "function") { $0.function = nil },
        of(VirtioComponent.self, "vendorID") { $0.vendorID += 1 },
        of(ButtonsComponent.self, "registers", firmware: .deviceTree) { $0.registers = elsewhere },
        of(ButtonsComponent.self, "spi", firmware: .deviceTree) { $0.spi = 100 },
        of(EventComponent.self, "registers") { $0.registers = elsewhere },
        of(EventComponent.self, "spi") { $0.spi = 100 },
        of(GenerationIDComponent.self, "bytes") { $0.bytes[0] ^= 1 },
        of(GenerationIDComponent.self, "spi", firmware: .deviceTree) { $0.spi = 100 },
        of(GenerationIDComponent.self, "ram") { $0.ram = 0x4000_0000..<0x5000_0000 },
        of(PanicComponent.self, "registers", model: .virt2) { $0.registers = elsewhere },
        of(ClockPageComponent.self, "page", model: .virt2) { $0.page = elsewhere },
        of(ClockPageComponent.self, "spi", firmware: .deviceTree, model: .virt2) { $0.spi = 100 },
        of(ClockPageComponent.self, "hasGeneration", model: .virt2) { $0.hasGeneration = false },
        of(DiskFunction.self, "queueSizes") { $0.queueSizes = [128] },
        of(DiskFunction.self, "segMax") { $0.segMax -= 1 },
        of(DiskFunction.self, "disk") { $0.disk.isReadOnly = true },
        of(DiskFunction.self, "serial") { $0.serial = "other" },
        of(DiskFunction.self, "index") { $0.index = 1 },
        of(DiskFunction.self, "clears") { $0.clears = true },
        of(NetworkFunction.self, "queueSizes") { $0.queueSizes = [256] },
        of(NetworkFunction.self, "network") { $0.network.mtu = 9000 },
        of(NetworkFunction.self, "mac") { $0.mac = MACAddress(virtualMachine: 99) },
        of(ConsoleFunction.self, "queueSizes") { $0.queueSizes = [128] },
        of(ShareFunction.self, "queueSizes") { $0.queueSizes = [256] },
        of(ShareFunction.self, "share") { $0.share.tag = "other" },
        of(PortsFunction.self, "ports") { $0.ports[1].name = "org.other" },
        of(EntropyFunction.self, "queueSizes") { $0.queueSizes = [128] },
        of(FwCfgComponent.self, "registers", model: .virt2) { $0.registers = elsewhere },
        of(FwCfgComponent.self, "hasKernel", model: .virt2) { $0.hasKernel.toggle() },
        of(FwCfgComponent.self, "hasTables", model: .virt2) { $0.hasTables.toggle() },
        of(FwCfgComponent.self, "smbios", model: .virt2) {
            $0.smbios = SMBIOS(
                product: "p", version: "1", uuid: Array(0..<16), hasUEFI: true, coreCount: 1, mainID: 1, memory: [])
        },
        of(FwCfgComponent.self, "credentials", model: .virt2) {
            $0.credentials = [GuestCredential(name: "a", value: "b")]
        },
        of(FwCfgComponent.self, "bootOrder", model: .virt2) { $0.bootOrder = nil },
        of(FwCfgComponent.self, "bootMenuWait", model: .virt2) { $0.bootMenuWait = 6 },
        of(RootBridgeComponent.self, "configuration", model: .virt2) { $0.configuration = elsewhere },
        of(RootBridgeComponent.self, "ports", model: .virt2) { $0.ports = elsewhere },
        of(RootBridgeComponent.self, "memory", model: .virt2) { $0.memory = elsewhere },
        of(WatchdogComponent.self, "control") { $0.control = elsewhere },
        of(WatchdogComponent.self, "refresh") { $0.refresh = elsewhere },
        of(WatchdogComponent.self, "spi") { $0.spi = 100 },
        of(FlashComponent.self, "content", model: .virt2) { $0.content = .code },
        of(FlashComponent.self, "registers", model: .virt2) { $0.registers = elsewhere },
        of(FlashComponent.self, "blockByteCount", model: .virt2) { $0.blockByteCount *= 2 },
        of(FlashComponent.self, "bankWidth", model: .virt2) { $0.bankWidth = 2 },
    ]

    /// What a guest cannot tell, and why.
    private static let unseen = [
        "InterruptControllerComponent.mpidrs": "MPIDR_EL1 of each core is a fact of the cores",
        "NetworkFunction.index": "which of the host's networks it is; the guest sees slot, MAC address and MTU",
    ]

    @Test("Another constant of a component is another fingerprint", arguments: mutations)
    func mutation(_ mutation: Mutation) {
        let released = Self.machine(mutation.firmware, mutation.model)
        let mutated = Self.machine(mutation.firmware, mutation.model.with(mutation.change))
        let (one, other) = (released.environment(Self.files), mutated.environment(Self.files))
        #expect(one.fingerprint != other.fingerprint)
        #expect(!other.differences(from: one).isEmpty)
    }

    /// Everything that a model's list can have.
    private static var everything: [Any] {
        MachineModel.all.flatMap { model in
            HardwareDescription.allCases.flatMap { firmware in
                let list = machine(firmware, model).components
                let functions = list.devices.compactMap { ($0 as? VirtioComponent)?.function }
                return list.all as [Any] + functions + [list.processors, list.interruptController.identity]
            }
        }
    }

    @Test("Every constant of every component is changed by a test, or is listed with the reason why no guest sees it")
    func completeness() {
        let constants = Self.everything.flatMap { value in
            Mirror(reflecting: value).children.compactMap { $0.label }
                // What kind of component it is.
                .filter { $0 != "name" && $0 != "type" }.map { "\(type(of: value)).\($0)" }
        }
        let covered = Set(Self.mutations.map(\.testDescription)).union(Self.unseen.keys)
        let missing = Set(constants).subtracting(covered).sorted()
        #expect(missing.isEmpty, "give each a mutation above, or a reason in `unseen`")
        #expect(covered.subtracting(constants).isEmpty, "no component has these")
    }

    @Test("Every kind of component is in some model's list")
    func kinds() throws {
        let known = Set(Self.everything.map { "\(type(of: $0))" })
        let root = URL(filePath: #filePath).appending(path: "../../../../Sources/Machine/Model/Components").standardized
        var kinds: [String] = []
        for file in try FileManager.default.subpathsOfDirectory(atPath: root.path()) {
            let text = String(decoding: try Data(contentsOf: root.appending(path: file)), as: UTF8.self)
            kinds += text.matches(of: #/struct (\w+): (?:Component|VirtioFunction)\b/#).map { String($0.1) }
        }
        #expect(kinds.count > 10)
        for kind in kinds where !known.contains(kind) {
            Issue.record("no model has a \(kind) if it is asked for what `machine` asks for")
        }
    }

    @Test(
        "No two components share an address or a wire", arguments: MachineModel.all.map(\.name),
        HardwareDescription.allCases)
    func places(model: String, firmware: HardwareDescription) throws {
        let model = try #require(MachineModel.all.first { $0.name == model })
        var machine = Self.machine(firmware, model)
        machine.cpuCount = 64
        let components = machine.components.all
        let windows =
            Set(components.flatMap { $0.windows + $0.rom }).sorted { $0.lowerBound < $1.lowerBound }
            + [machine.ram]
        for (one, next) in zip(windows, windows.dropFirst()) { #expect(one.upperBound <= next.lowerBound) }
        let wires = components.flatMap(\.spis)
        #expect(Set(wires).count == wires.count)
    }

    // MARK: What is recorded is what a guest reads

    private func read(_ device: any MMIODevice, _ offset: UInt64) -> UInt64 {
        device.read(offset: offset, size: 4, cpu: 0)
    }

    /// PeriphID0 to 3 of a PrimeCell.
    private func peripheralID(_ device: any MMIODevice) -> UInt64 {
        (0..<4).reduce(0) { $0 | read(device, 0xFE0 + 4 * $1) << (8 * $1) }
    }

    @Test("Facts say what registers say", arguments: MachineModel.all.map(\.name), HardwareDescription.allCases)
    func registers(model: String, firmware: HardwareDescription) throws {
        let disk = try TemporaryFile([UInt8](repeating: 0, count: 4096))
        var configuration = Self.machine(firmware, try #require(MachineModel.all.first { $0.name == model }))
        configuration.networks = []
        configuration.uefi = nil
        configuration.bootOrder = []
        configuration.bootMenuWait = nil
        configuration.disks[0].path = disk.path
        let facts = configuration.environment(Self.files).facts
        let machine = try VirtualMachine(configuration, events: MachineEvents())
        var virtioCount = 0
        for (component, made) in zip(configuration.components.all, machine.components) {
            #expect(component.windows.count == made.devices.count)
            guard let device = made.devices.first else { continue }
            func fact(_ path: String) -> String? { facts[component.name + "." + path] }
            made.reset()
            switch component {
            case is InterruptControllerComponent:
                for device in made.devices { #expect(fact("pidr2") == hexadecimal(read(device, 0xFFE8))) }
                #expect(fact("typer") == hexadecimal(read(device, 4)))
                #expect(fact("spis") == "\(32 * (read(device, 4) & 0x1F))")
                #expect(
                    fact("iidr") == hexadecimal(read(device, 8))
                        && fact("iidr") == hexadecimal(read(made.devices[1], 4)))
                // ICC_CTLR_EL1, S3_0_C12_C12_4; PRIbits is in bits 10 to 8.
                let control = try #require((machine.interruptController as? GIC)?.readSystemRegister(0xC664, cpu: 0))
                #expect(fact("icc-ctlr") == hexadecimal(control))
                #expect(fact("priority-bits") == "\(control >> 8 & 7 + 1)")
            case is SerialPortComponent:
                #expect(fact("peripheral-id") == hexadecimal(peripheralID(device)))
                // UARTCR.UARTEN.
                #expect(fact("state") == (read(device, 0x30) & 1 == 0 ? "off" : "on"))
            case is RealTimeClockComponent:
                #expect(fact("peripheral-id") == hexadecimal(peripheralID(device)))
            case is PanicComponent: #expect(fact("events") == hexadecimal(read(device, 0)))
            case let slot as VirtioComponent where slot.function != nil:
                virtioCount += 1
                #expect(fact("vendor") == hexadecimal(read(device, 0x00C)))
                let features = (UInt64(0)..<2).reduce(UInt64(0)) { features, word in
                    device.write(offset: 0x014, size: 4, value: word, cpu: 0)
                    return features | read(device, 0x010) << (32 * word)
                }
                #expect(fact("features") == hexadecimal(features))
                let queues = (UInt64(0)..<8).map { queue in
                    device.write(offset: 0x030, size: 4, value: queue, cpu: 0)
                    return read(device, 0x034)
                }
                #expect(fact("queues") == queues.filter { $0 != 0 }.map { "\($0)" }.joined(separator: " "))
                if slot.function is DiskFunction {
                    #expect(fact("seg-max") == "\(read(device, 0x10C))")
                    #expect(fact("block-size") == "\(read(device, 0x114))")
                }
            default: break
            }
        }
        #expect(virtioCount == 5)
    }
}
