import Boot
import Testing

@Suite("The device tree of a board")
struct BoardDeviceTreeTests {
    /// A board under a name, so that a failure does not print all of it.
    struct NamedBoard: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let board: BoardDescription

        init(_ name: String, _ board: BoardDescription) {
            testDescription = name
            self.board = board
        }
    }

    /// Boards that differ in what the tree depends on.
    private static let boards: [NamedBoard] = {
        var bare = BoardDescription.virt(virtioSlots: 0)
        bare.devices = []
        var manyRegions = BoardDescription.virt(cpus: [0, 1])
        manyRegions.gic.redistributors = [0x080A_0000..<0x080C_0000, 0x4000_0000_00..<0x4000_0200_00]
        var smc = BoardDescription.virt()
        smc.power = .init(majorVersion: 0, conduit: .smc)
        var chosen = BoardDescription.Chosen(
            bootArguments: "console=ttyAMA0 \"quoted\"", rngSeed: Array(0..<64), kaslrSeed: 0xFEDC_BA98_7654_3210)
        chosen.initrd = 0x4800_0000..<0x4812_3456
        return [
            NamedBoard("one CPU", .virt()),
            NamedBoard("64 CPUs in clusters", .virt(cpus: (0..<64).map { ($0 / 16) << 8 | $0 % 16 })),
            NamedBoard("CPUs with Aff3", .virt(cpus: [0, 1, 1 << 32])),
            NamedBoard("everything chosen", .virt(chosen: chosen)),
            NamedBoard("no devices", bare),
            NamedBoard("two redistributor regions", manyRegions),
            NamedBoard("PSCI 0.2 by SMC", smc),
            NamedBoard("more RAM than 32 bits of bytes", .virt(memoryMiB: 64 << 10)),
        ]
    }()

    @Test("dtc reads it without a warning", .needsDeviceTreeCompiler, arguments: boards)
    func noWarnings(_ named: NamedBoard) throws {
        let blob = try DeviceTree(for: named.board).flattened()
        let result = try DeviceTreeCompiler.convert(blob, from: .blob, to: .source)
        #expect(result.status == 0)
        #expect(result.complaints == "")
    }

    @Test("dtc does warn of a tree with a fault, so that its silence means something", .needsDeviceTreeCompiler)
    func warnings() throws {
        var tree = DeviceTree(for: .virt())
        tree.root["#address-cells"] = nil
        let result = try DeviceTreeCompiler.convert(try tree.flattened(), from: .blob, to: .source)
        #expect(result.complaints.contains("Warning"))
    }

    @Test("Every node says what Linux's bindings ask for", .needsDeviceTreeCompiler)
    func wholeTree() throws {
        var chosen = BoardDescription.Chosen(
            bootArguments: "console=ttyAMA0", rngSeed: [0xAB, 0xCD], kaslrSeed: 0x11_2233_4455_6677)
        chosen.initrd = 0x4420_0000..<0x4420_1001
        let board = BoardDescription.virt(cpus: [0, 0x100], virtioSlots: 2, chosen: chosen)
        // Written from the bindings and the layout of `virt`, not from our output.
        let source = """
            /dts-v1/;
            / {
                #address-cells = <2>;
                #size-cells = <2>;
                model = "test board";
                compatible = "test,virt", "linux,dummy-virt";
                interrupt-parent = <1>;
                chosen {
                    bootargs = "console=ttyAMA0";
                    stdout-path = "/serial@9000000";
                    linux,initrd-start = <0 0x44200000>;
                    linux,initrd-end = <0 0x44201001>;
                    rng-seed = [ab cd];
                    kaslr-seed = <0x00112233 0x44556677>;
                };
                aliases { serial0 = "/serial@9000000"; };
                cpus {
                    #address-cells = <1>;
                    #size-cells = <0>;
                    cpu@0 {
                        device_type = "cpu"; compatible = "arm,armv8"; reg = <0>; enable-method = "psci";
                    };
                    cpu@100 {
                        device_type = "cpu"; compatible = "arm,armv8"; reg = <0x100>; enable-method = "psci";
                    };
                };
                psci { compatible = "arm,psci-1.0", "arm,psci-0.2"; method = "hvc"; };
                memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x20000000>; };
                interrupt-controller@8000000 {
                    compatible = "arm,gic-v3";
                    reg = <0 0x08000000 0 0x10000>, <0 0x080a0000 0 0x40000>;
                    interrupt-controller;
                    #interrupt-cells = <3>;
                    #address-cells = <0>;
                    phandle = <1>;
                };
                timer {
                    compatible = "arm,armv8-timer";
                    interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>;
                    always-on;
                };
                clock: apb-pclk {
                    compatible = "fixed-clock";
                    #clock-cells = <0>;
                    clock-frequency = <24000000>;
                    phandle = <2>;
                };
                serial@9000000 {
                    compatible = "arm,pl011", "arm,primecell";
                    reg = <0 0x09000000 0 0x1000>;
                    interrupts = <0 1 4>;
                    clocks = <&clock>, <&clock>;
                    clock-names = "uartclk", "apb_pclk";
                };
                rtc@9010000 {
                    compatible = "arm,pl031", "arm,primecell";
                    reg = <0 0x09010000 0 0x1000>;
                    interrupts = <0 2 4>;
                    clocks = <&clock>;
                    clock-names = "apb_pclk";
                };
                virtio@a000000 {
                    compatible = "virtio,mmio"; reg = <0 0x0a000000 0 0x200>; interrupts = <0 16 4>; dma-coherent;
                };
                virtio@a000200 {
                    compatible = "virtio,mmio"; reg = <0 0x0a000200 0 0x200>; interrupts = <0 17 4>; dma-coherent;
                };
            };
            """
        let ours = try DeviceTreeCompiler.convert(
            try DeviceTree(for: board).flattened(), from: .blob, to: .source)
        let blob = try DeviceTreeCompiler.convert(Array(source.utf8), from: .source, to: .blob)
        let theirs = try DeviceTreeCompiler.convert(blob.output, from: .blob, to: .source)
        #expect(blob.complaints == "")
        #expect(ours.text == theirs.text)
    }

    @Test("A CPU's Aff3 gets a cell of its own, and every CPU's reg then has two")
    func aff3() {
        let tree = DeviceTree(for: .virt(cpus: [2, 3 << 32 | 1]))
        let cpus = tree.root.children.first { $0.name == "cpus" }
        #expect(cpus?["#address-cells"] == .cells(2))
        #expect(cpus?.children.map { $0["reg"] } == [.cells(0, 2), .cells(3, 1)])
        #expect(cpus?.children.map(\.name) == ["cpu@2", "cpu@300000001"])
        #expect(tree.bootCPU == 2)
    }

    @Test("A guest with PSCI 0.2 is not told of 1.0")
    func oldPSCI() {
        var board = BoardDescription.virt()
        board.power = .init(majorVersion: 0, conduit: .smc)
        let psci = DeviceTree(for: board).root.children.first { $0.name == "psci" }
        #expect(psci?["compatible"] == .string("arm,psci-0.2"))
        #expect(psci?["method"] == .string("smc"))
    }

    @Test("Two CPUs with one address are refused")
    func duplicateCPUs() {
        #expect(throws: DeviceTreeError.duplicateNode("cpu@1", parent: "cpus")) {
            try DeviceTree(for: .virt(cpus: [1, 1])).flattened()
        }
    }
}
