// What the guest runs on, as its device tree tells it.

import PSCI
import _Volatile

/// The cores, the conduit and the command line.
struct Board {
    /// How many cores there are; the first is the one that booted.
    private(set) var coreCount = 0
    private(set) var conduit = Conduit.hvc
    /// What all of it comes from; nil if there is none.
    let deviceTree: DeviceTree?
    /// The command line: words such as `seconds=3`.
    private var arguments = Text(address: 0, count: 0)

    /// Every core but the one that booted.
    var secondaryCores: Range<Int> { 1..<coreCount }

    /// As many cores as start.S has stacks for.
    static var maximumCoreCount: Int { 64 }

    init(deviceTree address: UInt) {
        deviceTree = DeviceTree(address: address)
        addCore(Affinity(mpidr: readMPIDR()))
        deviceTree?.forEachProperty { depth, node, property, value in
            if depth == 1, node.equals("chosen"), property.equals("bootargs") {
                arguments = value
            } else if depth == 1, node.equals("psci"), property.equals("method") {
                conduit = value.equals("smc") ? .smc : .hvc
            } else if depth == 2, node.starts(with: "cpu@"), property.equals("reg") {
                // One or two cells, as the parent says; the last holds Aff2 to Aff0.
                var mpidr = UInt64(DeviceTree.word(at: value.address))
                if value.count == 8 { mpidr = mpidr << 32 | UInt64(DeviceTree.word(at: value.address + 4)) }
                addCore(Affinity(mpidr: mpidr))
            }
        }
    }

    /// The affinity of a core.
    func affinity(ofCore core: Int) -> Affinity {
        Affinity(mpidr: Self.affinityRegister(core).load())
    }

    /// What stands behind `name`, which ends in `=`, on the command line.
    func argument(_ name: StaticString) -> Text? {
        var position: UInt = 0
        while position < arguments.count {
            let word = arguments.dropping(position)
            var length: UInt = 0
            while length < word.count, word[length] != UInt8(ascii: " "), word[length] != 0 { length += 1 }
            if word.starts(with: name) {
                let start = UInt(name.utf8CodeUnitCount)
                return Text(address: word.address + start, count: length - start)
            }
            position += length + 1
        }
        return nil
    }

    /// The decimal number behind `name` on the command line.
    func number(_ name: StaticString) -> UInt64? {
        guard let text = argument(name), text.count > 0 else { return nil }
        var value: UInt64 = 0
        for index in 0..<text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
        }
        return value
    }

    private mutating func addCore(_ affinity: Affinity) {
        for core in 0..<coreCount where self.affinity(ofCore: core) == affinity { return }
        guard coreCount < Self.maximumCoreCount else { return }
        Self.affinityRegister(coreCount).store(affinity.rawValue)
        coreCount += 1
    }

    private static func affinityRegister(_ core: Int) -> VolatileMappedRegister<UInt64> {
        VolatileMappedRegister(unsafeBitPattern: coreAffinitiesAddress() + UInt(core) * 8)
    }
}

/// The affinity of a core, for code that has no `Board` at hand.
func affinityOfCore(_ core: Int) -> UInt64 {
    VolatileMappedRegister<UInt64>(unsafeBitPattern: coreAffinitiesAddress() + UInt(core) * 8).load()
}
