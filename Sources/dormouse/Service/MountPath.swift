// A path that systemd is to have mounted before a VM starts: RequiresMountsFor= of systemd.unit(5).
//
// systemd takes paths only that have no "." and ".." in them: another one makes it refuse a transient unit, and warn of
// a line in a unit's file that it then passes over.

import Glibc
import HostSupport

enum MountPath {
    /// - Parameter path: an absolute one.
    /// - Returns: where that is, in a form that systemd takes; nil if nothing is there that could be found.
    static func of(_ path: String) -> String? {
        guard path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else { return path }
        // What ".." leads to depends on links, so that the words alone do not tell.
        if let found = resolved(path) { return found }
        let directory = DurableFile.directory(of: path)
        let name = path.split(separator: "/").last ?? ""
        guard name != ".", name != "..", let parent = resolved(directory) else { return nil }
        return parent == "/" ? "/\(name)" : "\(parent)/\(name)"
    }

    private static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(validatingCString: found)
    }
}
