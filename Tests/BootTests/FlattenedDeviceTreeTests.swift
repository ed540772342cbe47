import Boot
import Testing

/// The big-endian 32-bit number at `offset`.
private func cell(_ blob: [UInt8], _ offset: Int) -> UInt32 {
    blob[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
}

@Suite("The flattened device tree, by the Devicetree Specification's chapter 5")
struct FlattenedDeviceTreeTests {
    @Test("An empty tree is the header, an empty reservation block and one empty node")
    func emptyTree() throws {
        let blob = try DeviceTree(root: DeviceTreeNode("")).flattened()
        // Written by hand from sections 5.2 to 5.5.
        let expected: [UInt32] = [
            0xD00D_FEED, 72, 56, 72, 40, 17, 16, 0, 0, 16,  // header
            0, 0, 0, 0,  // the reservation that ends the block
            1, 0, 2, 9,  // FDT_BEGIN_NODE, "", FDT_END_NODE, FDT_END
        ]
        #expect(stride(from: 0, to: blob.count, by: 4).map { cell(blob, $0) } == expected)
    }

    @Test("Reservations stand before the structure, address and size in 64 bits each, and zeros end them")
    func reservations() throws {
        let tree = DeviceTree(root: DeviceTreeNode(""), reservations: [0x1_4000_0000..<0x1_4000_1000], bootCPU: 7)
        let blob = try tree.flattened()
        #expect(cell(blob, 16) == 40)
        #expect((0..<8).map { cell(blob, 40 + $0 * 4) } == [1, 0x4000_0000, 0, 0x1000, 0, 0, 0, 0])
        #expect(cell(blob, 28) == 7)
        #expect(cell(blob, 8) == 72)
    }

    @Test("A property has its length, the offset of its name, and its value padded to four bytes")
    func property() throws {
        var root = DeviceTreeNode("")
        root["status"] = .string("okay")
        let blob = try DeviceTree(root: root).flattened()
        // FDT_PROP, length 5, name at 0, "okay\0" and padding.
        #expect((0..<5).map { cell(blob, 64 + $0 * 4) } == [3, 5, 0, 0x6F6B_6179, 0])
        #expect(Array(blob.suffix(7)) == Array("status\0".utf8))
    }

    @Test("A name that many properties share is stored once")
    func stringsAreShared() throws {
        var root = DeviceTreeNode("")
        root["reg"] = .cells(1)
        for address in 1...3 {
            var child = DeviceTreeNode("child", at: UInt64(address))
            child["reg"] = .cells(UInt32(address))
            child["label"] = .string("x")
            root.children.append(child)
        }
        let blob = try DeviceTree(root: root).flattened()
        #expect(cell(blob, 32) == UInt32("reg\0label\0".utf8.count))
    }

    @Test("Setting a property again keeps its place, and setting nil removes it")
    func properties() {
        var node = DeviceTreeNode("n")
        node["a"] = .empty
        node["b"] = .empty
        node["a"] = .cells(5)
        #expect(node.properties.map(\.name) == ["a", "b"])
        #expect(node["a"]?.bytes == [0, 0, 0, 5])
        node["a"] = nil
        #expect(node.properties.map(\.name) == ["b"])
    }

    @Test(
        "A node name that the specification does not allow is refused",
        arguments: ["", "a b", "@1", "a@", "a@1@2", "näme", String(repeating: "x", count: 32)])
    func invalidNodeNames(name: String) {
        var root = DeviceTreeNode("")
        root.children = [DeviceTreeNode(name)]
        #expect(throws: DeviceTreeError.invalidNodeName(name)) { try DeviceTree(root: root).flattened() }
    }

    @Test("A property name that the specification does not allow is refused", arguments: ["", "a b", "a@1"])
    func invalidPropertyNames(name: String) {
        var root = DeviceTreeNode("")
        root[name] = .empty
        #expect(throws: DeviceTreeError.invalidPropertyName(name, node: "")) {
            try DeviceTree(root: root).flattened()
        }
    }

    @Test("Two children of the same name are refused, in different nodes they are fine")
    func duplicates() throws {
        var parent = DeviceTreeNode("parent")
        parent.children = [DeviceTreeNode("child")]
        var root = DeviceTreeNode("")
        root.children = [parent, DeviceTreeNode("child")]
        _ = try DeviceTree(root: root).flattened()
        root.children.append(DeviceTreeNode("child"))
        #expect(throws: DeviceTreeError.duplicateNode("child", parent: "/")) {
            try DeviceTree(root: root).flattened()
        }
    }

    @Test("A string that a NUL would cut short is refused")
    func embeddedNUL() {
        var root = DeviceTreeNode("")
        root["bootargs"] = .string("quiet\0panic=1")
        #expect(throws: DeviceTreeError.stringContainsNUL(property: "bootargs")) {
            try DeviceTree(root: root).flattened()
        }
    }

    @Test("A tree larger than Linux maps is refused")
    func tooLarge() throws {
        var root = DeviceTreeNode("")
        root["blob"] = .bytes([UInt8](repeating: 0, count: 2 << 20))
        #expect(throws: DeviceTreeError.self) { try DeviceTree(root: root).flattened() }
        // Header, reservations, tokens, name and padding have 40 + 16 + 8 + 12 + 8 + 5 bytes.
        root["blob"] = .bytes([UInt8](repeating: 0, count: 2 << 20 - 92))
        #expect(try DeviceTree(root: root).flattened().count <= 2 << 20)
    }

    @Test("What dtc reads from a tree with every type of value is what was put in", .needsDeviceTreeCompiler)
    func roundTrip() throws {
        var root = DeviceTreeNode("")
        root["empty"] = .empty
        root["u32"] = .cells(0x1234_5678)
        root["u64"] = .doubleCells(0x1234_5678_9ABC_DEF0)
        root["string"] = .string("hello, world")
        root["stringlist"] = .strings("a", "", "bc")
        root["bytes"] = .bytes([1, 2, 3])
        root["phandle-list"] = .phandles(PHandle(1), PHandle(1))
        var child = DeviceTreeNode("child")
        child["phandle"] = .phandles(PHandle(1))
        root.children = [child]
        let tree = DeviceTree(root: root, reservations: [0x1000..<0x3000])
        let source = """
            /dts-v1/;
            /memreserve/ 0x1000 0x2000;
            / {
                empty;
                u32 = <0x12345678>;
                u64 = <0x12345678 0x9abcdef0>;
                string = "hello, world";
                stringlist = "a", "", "bc";
                bytes = [01 02 03];
                phandle-list = <1 1>;
                child { phandle = <1>; };
            };
            """
        let ours = try DeviceTreeCompiler.convert(try tree.flattened(), from: .blob, to: .blob)
        let theirs = try DeviceTreeCompiler.convert(Array(source.utf8), from: .source, to: .blob)
        #expect(ours.complaints == "")
        #expect(ours.output == theirs.output)
    }
}
