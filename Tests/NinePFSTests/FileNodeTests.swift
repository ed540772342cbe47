// Places below a share, as renames put them together.

import Glibc
import Testing

@testable import NinePFS

@Suite("Places below a share")
struct FileNodeTests {
    private static func name(_ text: String) -> [UInt8] { Array(text.utf8) }

    private struct Weak {
        weak var node: FileNode?
    }

    @Test("A way as long as renames can make one is let go of without a stack as deep")
    func longWay() throws {
        let root = FileNode()
        var bottom: FileNode? = try root.child(Self.name("x"))
        let kept = Weak(node: bottom)
        var top = Self.name("x")
        for number in 0..<200_000 {
            let next = Self.name(number.isMultiple(of: 2) ? "p" : "q")
            root.move(top, to: try root.child(next), Self.name("y"))
            top = next
        }
        let highest = Weak(node: try root.child(top))
        #expect(kept.node?.path.count == 200_001 && highest.node != nil)
        bottom = nil
        #expect(kept.node == nil && highest.node == nil)
        // It has no child that is gone.
        #expect(try root.child(top).path == [top])
    }

    @Test("An entry moves if all that is known below it stays within the limit of a path")
    func limit() throws {
        let root = FileNode()
        let long = [UInt8](repeating: UInt8(ascii: "n"), count: 200)
        var places: [FileNode] = []
        func way(_ first: String, _ count: Int) throws -> FileNode {
            var node = try root.child(Self.name(first))
            places.append(node)
            for _ in 0..<count {
                node = try node.child(long)
                places.append(node)
            }
            return node
        }
        let (ten, nine) = (try way("a", 10), try way("b", 9))
        _ = try way("c", 11)
        #expect(root.mayMove(Self.name("b"), to: ten, long))
        #expect(!root.mayMove(Self.name("c"), to: ten, long))
        #expect(root.mayMove(Self.name("c"), to: nine, Self.name("c")))
        // Of what nobody has, the host tells.
        #expect(root.mayMove(Self.name("none"), to: ten, long))
        withExtendedLifetime(places) {}
    }

    @Test("There is an end to the places that fids keep, however often names are taken away and made anew")
    func count() throws {
        let root = FileNode()
        var kept: [FileNode] = []
        /// A fid of a way whose beginning is another one each time.
        func way() throws {
            var node = try root.child(Self.name("a"))
            for _ in 0..<1000 { node = try node.child(Self.name("b")) }
            kept.append(node)
            root.remove(Self.name("a"))
        }
        let error = #expect(throws: LinuxError.self) { for _ in 0..<300 { try way() } }
        #expect(error?.code == ENFILE && kept.count == 261)
        // Who lets go has room again.
        root.remove(Self.name("a"))
        kept.removeFirst(2)
        try way()
        withExtendedLifetime(kept) {}
    }
}
