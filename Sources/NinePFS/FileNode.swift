// Where a file is below a share: names from the root down.
//
// Responsible for: that all fids that lead below a directory follow it when it is renamed, and that none leads above
// the root. Not responsible for: what is there.

/// A place below the root. Nobody keeps one but fids and the places below it.
final class FileNode {
    static let this = [UInt8(ascii: ".")]
    static let above = [UInt8(ascii: "."), UInt8(ascii: ".")]
    /// Most bytes of a name (NAME_MAX), and of all names of a place (PATH_MAX).
    static let nameLimit = 255
    static let pathLimit = 4096
    /// Places that there are of one root. A fid has those above it as well, which may be gone from the host: of a thousand
    /// names, each time they are made anew.
    static let countLimit = 1 << 18

    private struct Child { weak var node: FileNode? }

    /// How many there are below the root.
    private final class Count { var value = 0 }

    /// nil: the root.
    private(set) var parent: FileNode?
    private(set) var name: [UInt8]
    /// The entry was taken away, or another one put in its place.
    private(set) var isGone = false
    private var children: [[UInt8]: Child] = [:]
    private let count: Count

    /// The root.
    init() {
        parent = nil
        name = []
        count = Count()
    }

    private init(_ parent: FileNode, _ name: [UInt8]) {
        self.parent = parent
        self.name = name
        count = parent.count
        count.value += 1
    }

    deinit {
        count.value -= 1
        var chain = leaveParent()
        // Those above it that nobody has but it: one after another, as each within the other would take a stack as deep as
        // the way is long.
        while isKnownUniquelyReferenced(&chain) { chain = chain?.leaveParent() }
    }

    /// Nobody comes to it from above any more.
    private func leaveParent() -> FileNode? {
        defer { parent = nil }
        parent?.forget(name, self)
        return parent
    }

    private func forget(_ name: [UInt8], _ node: FileNode) {
        // Another one may have its name by now.
        if let child = children[name], child.node == nil || child.node === node { children[name] = nil }
    }

    /// The names from the root down.
    var path: [[UInt8]] {
        var names: [[UInt8]] = []
        var node = self
        while let parent = node.parent {
            names.append(node.name)
            node = parent
        }
        return names.reversed()
    }

    /// The place of an entry. The one above the root is the root.
    func child(_ name: [UInt8]) throws(LinuxError) -> FileNode {
        if name == Self.this { return self }
        if name == Self.above { return parent ?? self }
        if let child = children[name]?.node { return child }
        guard pathByteCount + 1 + name.count < Self.pathLimit else { throw .nameTooLong }
        guard count.value < Self.countLimit else { throw .tooManyFids }
        let child = FileNode(self, name)
        children[name] = Child(node: child)
        return child
    }

    /// Bytes of all names, with one between each and the next.
    private var pathByteCount: Int { path.reduce(-1) { $0 + $1.count + 1 } }

    /// Whether an entry may have another place: all that somebody has below it has to be within the limit there.
    func mayMove(_ name: [UInt8], to directory: FileNode, _ newName: [UInt8]) -> Bool {
        guard let moved = children[name]?.node else { return true }
        var longest = 0
        var rest = [(node: moved, byteCount: 0)]
        while let (node, byteCount) = rest.popLast() {
            longest = max(longest, byteCount)
            for (name, child) in node.children {
                if let child = child.node { rest.append((child, byteCount + 1 + name.count)) }
            }
        }
        return directory.pathByteCount + 1 + newName.count + longest < Self.pathLimit
    }

    /// The entry was taken away: who has it has it no more.
    func remove(_ name: [UInt8]) {
        children[name]?.node?.isGone = true
        children[name] = nil
    }

    /// An entry has another place, and what is below it moves along.
    func move(_ name: [UInt8], to directory: FileNode, _ newName: [UInt8]) {
        guard directory !== self || name != newName else { return }
        let moved = children[name]?.node
        children[name] = nil
        directory.remove(newName)
        guard let moved else { return }
        moved.parent = directory
        moved.name = newName
        directory.children[newName] = Child(node: moved)
    }

    /// Whether this place is that one, or below it.
    func isBelow(_ other: FileNode) -> Bool {
        var node: FileNode? = self
        while let current = node {
            if current === other { return true }
            node = current.parent
        }
        return false
    }
}
