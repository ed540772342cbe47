// Where VMs are kept if nobody says where.
//
// Follows the XDG base directory specification, which wants paths in its variables that are not absolute to be ignored.

import Glibc

extension VMStore {
    /// `DORMOUSE_STORE`, or the place for data of the user's.
    public static var `default`: VMStore {
        get throws(HostError) {
            try named(
                by: { name in
                    // Safe: the string is copied, and nobody changes the environment.
                    unsafe getenv(name).map { unsafe String(cString: $0) }
                }, homeOfUser: homeOfUser)
        }
    }

    /// The store that the variables of `environment` name, or the one in the home directory that the user has.
    static func named(
        by environment: (String) -> String?, homeOfUser: () -> String?
    ) throws(HostError) -> VMStore {
        func directory(_ name: String) -> String? {
            environment(name).flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        if let path = environment("DORMOUSE_STORE"), !path.isEmpty { return VMStore(path: path) }
        if let data = directory("XDG_DATA_HOME") { return VMStore(path: data + "/dormouse/vms") }
        guard let home = directory("HOME") ?? homeOfUser() else { throw .noHome }
        return VMStore(path: home + "/.local/share/dormouse/vms")
    }

    /// What the host's user database says.
    private static func homeOfUser() -> String? {
        // Safe: the entry is there until the next call, and only the main thread asks.
        guard let user = unsafe getpwuid(geteuid()), let home = unsafe user.pointee.pw_dir else { return nil }
        let path = unsafe String(cString: home)
        return path.hasPrefix("/") ? path : nil
    }
}
