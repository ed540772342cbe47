// What systemd is to have mounted before a VM starts, of a path: RequiresMountsFor= of systemd.unit(5).
//
// systemd takes paths only that have no "." and ".." in them: another one makes it refuse a transient unit, and warn of
// a line in a unit's file that it then passes over.

import Glibc

enum MountPath {
    /// - Parameter path: an absolute one.
    /// - Returns: paths that systemd takes, on whose mounts that one depends. What ".." leads to depends on links, so it is
    ///   the way to the first of them, and where the path ends, if that can be found.
    static func all(of path: String) -> [String] {
        let parts = path.split(separator: "/").filter { $0 != "." }
        guard let up = parts.firstIndex(of: "..") else {
            return [parts.count == path.split(separator: "/").count ? path : absolute(parts)]
        }
        return [absolute(parts[..<up])] + [resolved(path)].compactMap(\.self)
    }

    private static func absolute(_ parts: some Sequence<Substring>) -> String { "/" + parts.joined(separator: "/") }

    /// Without any link; of a file that is not there yet, by its directory.
    private static func resolved(_ path: String) -> String? {
        if let found = realPath(path) { return found }
        var parts = path.split(separator: "/")
        guard let name = parts.popLast(), name != ".", name != "..", let parent = realPath(absolute(parts)) else {
            return nil
        }
        return parent == "/" ? "/\(name)" : "\(parent)/\(name)"
    }

    private static func realPath(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(validatingCString: found)
    }
}
