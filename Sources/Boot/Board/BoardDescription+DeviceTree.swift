// The device tree of a board.
//
// Responsible for: saying each fact of a `BoardDescription` the way that Linux expects it. Follows the Devicetree
// Specification v0.4, chapter 3, and Linux's Documentation/devicetree/bindings, by the path named beside each node.
// A pure function: what a guest sees depends on the description and on nothing else.

import Hypervisor

extension DeviceTree {
    /// The tree that describes `board`.
    public init(for board: BoardDescription) {
        var root = DeviceTreeNode("")
        root["#address-cells"] = .cells(2)
        root["#size-cells"] = .cells(2)
        root["model"] = .string(board.model)
        root["compatible"] = .strings(board.compatible)
        root["interrupt-parent"] = .phandles(.gic)
        root.children = [.chosen(board)]
        if let port = board.serialPort {
            root.children.append(.aliases(port))
        }
        root.children.append(contentsOf: [.cpus(board), .psci(board.power)])
        root.children.append(contentsOf: board.memory.map(DeviceTreeNode.memory))
        root.children.append(contentsOf: [.gic(board.gic), .timer(board.timer)])
        if board.devices.contains(where: \.hasPeripheralClock) {
            root.children.append(.peripheralClock(frequency: board.peripheralClockFrequency))
        }
        root.children.append(contentsOf: board.devices.flatMap { $0.nodes(on: board) })
        self.init(root: root, bootCPU: UInt32(truncatingIfNeeded: board.cpus.first ?? 0))
    }
}

extension PHandle {
    fileprivate static let gic = PHandle(1)
    fileprivate static let peripheralClock = PHandle(2)
}

extension BoardDescription.Interrupt {
    /// The three cells of interrupt-controller/arm,gic-v3.yaml: type, number, trigger.
    package var cells: [UInt32] {
        let levelHigh: UInt32 = 4
        switch self {
        case .spi(let number): return [0, number, levelHigh]
        case .ppi(let number): return [1, number, levelHigh]
        }
    }
}

extension DeviceTreeNode {
    /// Devicetree Specification, section 3.6; the seeds are Linux's.
    fileprivate static func chosen(_ board: BoardDescription) -> DeviceTreeNode {
        var node = DeviceTreeNode("chosen")
        let chosen = board.chosen
        // First, where it has always been: the order of properties is something that a guest can see.
        node["bootargs"] = .string(chosen.bootArguments)
        if let port = board.serialPort {
            node["stdout-path"] = .string(path(port))
        }
        node.describe(chosen)
        return node
    }

    /// What is said of this boot, whatever describes the machine.
    mutating func describe(_ chosen: BoardDescription.Chosen) {
        self["bootargs"] = .string(chosen.bootArguments)
        if let initrd = chosen.initrd {
            self["linux,initrd-start"] = .doubleCells(initrd.lowerBound)
            self["linux,initrd-end"] = .doubleCells(initrd.upperBound)
        }
        if !chosen.rngSeed.isEmpty {
            self["rng-seed"] = .bytes(chosen.rngSeed)
        }
        if let seed = chosen.kaslrSeed {
            self["kaslr-seed"] = .doubleCells(seed)
        }
    }

    /// Section 3.3. The alias gives the port its number in Linux: ttyAMA0.
    fileprivate static func aliases(_ port: BoardDescription.SerialPort) -> DeviceTreeNode {
        var node = DeviceTreeNode("aliases")
        node["serial0"] = .string(path(port))
        return node
    }

    private static func path(_ port: BoardDescription.SerialPort) -> String { "/" + port.node.name }

    /// arm/cpus.yaml. `arm,armv8` is the name for a CPU that is a software model.
    fileprivate static func cpus(_ board: BoardDescription) -> DeviceTreeNode {
        let affinities = board.cpus
        // A second cell is for Aff3 alone, and only there if some CPU has one.
        let hasAff3 = affinities.contains { $0 >> 32 != 0 }
        var node = DeviceTreeNode("cpus")
        node["#address-cells"] = .cells(hasAff3 ? 2 : 1)
        node["#size-cells"] = .cells(0)
        node.children = affinities.enumerated().map { index, affinity in
            var cpu = DeviceTreeNode("cpu", at: affinity)
            cpu["device_type"] = .string("cpu")
            cpu["compatible"] = .string("arm,armv8")
            cpu["reg"] = hasAff3 ? .doubleCells(affinity) : .cells(UInt32(truncatingIfNeeded: affinity))
            cpu["enable-method"] = .string("psci")
            board.power.idle?.describe(cpu: index, in: &cpu)
            return cpu
        }
        if let idle = board.power.idle { node.children.append(idle.statesNode) }
        return node
    }

    /// arm/psci.yaml.
    fileprivate static func psci(_ power: BoardDescription.PowerInterface) -> DeviceTreeNode {
        var node = DeviceTreeNode("psci")
        node["compatible"] =
            power.majorVersion >= 1 ? .strings("arm,psci-1.0", "arm,psci-0.2") : .string("arm,psci-0.2")
        node["method"] = .string(power.conduit.rawValue)
        node.children = power.idle?.domainNodes ?? []
        return node
    }

    /// Section 3.4.
    fileprivate static func memory(_ range: Range<PhysicalAddress>) -> DeviceTreeNode {
        var node = DeviceTreeNode("memory", at: range.lowerBound)
        node["device_type"] = .string("memory")
        node["reg"] = .reg(range)
        return node
    }

    /// interrupt-controller/arm,gic-v3.yaml.
    fileprivate static func gic(_ gic: BoardDescription.GIC) -> DeviceTreeNode {
        var node = DeviceTreeNode("interrupt-controller", at: gic.distributor.lowerBound)
        node["compatible"] = .string("arm,gic-v3")
        node["reg"] = .reg([gic.distributor] + gic.redistributors)
        if gic.redistributors.count > 1 {
            node["#redistributor-regions"] = .cells(UInt32(truncatingIfNeeded: gic.redistributors.count))
        }
        node["interrupt-controller"] = .empty
        node["#interrupt-cells"] = .cells(3)
        node["#address-cells"] = .cells(0)
        node["phandle"] = .phandles(.gic)
        return node
    }

    /// timer/arm,arch_timer.yaml. The timers never stop, so Linux needs no other one to wake it.
    fileprivate static func timer(_ timer: BoardDescription.Timer) -> DeviceTreeNode {
        var node = DeviceTreeNode("timer")
        node["compatible"] = .string("arm,armv8-timer")
        node["interrupts"] = .cells(
            [timer.secure, timer.physical, timer.virtual, timer.hypervisor].flatMap(\.cells))
        node["always-on"] = .empty
        return node
    }

    /// clock/fixed-clock.yaml. Without it Linux does not bind the PrimeCell devices.
    fileprivate static func peripheralClock(frequency: UInt32) -> DeviceTreeNode {
        var node = DeviceTreeNode("apb-pclk")
        node["compatible"] = .string("fixed-clock")
        node["#clock-cells"] = .cells(0)
        node["clock-frequency"] = .cells(frequency)
        node["phandle"] = .phandles(.peripheralClock)
        return node
    }

    /// arm/primecell.yaml: what PrimeCell devices share. All their clocks are the one fixed clock.
    package static func primecell(
        _ name: String, _ compatible: String, _ device: BoardDescription.Device, clocks: [String]
    ) -> DeviceTreeNode {
        var node = DeviceTreeNode(name, at: device.registers.lowerBound)
        node["compatible"] = .strings(compatible, "arm,primecell")
        node["reg"] = .reg(device.registers)
        node["interrupts"] = .cells(device.interrupt.cells)
        node["clocks"] = .cells(clocks.map { _ in PHandle.peripheralClock.rawValue })
        node["clock-names"] = .strings(clocks)
        return node
    }
}
