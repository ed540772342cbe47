// The files by which systemd knows that a VM is to start with the host: the links that `systemctl enable` makes, and a
// drop-in with what is the VM's own.
//
// Links are made here rather than by systemctl: a host that is being put together, as in a container, has no manager
// that could be reached. Not responsible for telling a manager (`Systemctl`). Follows systemd.unit(5), "Unit File Load
// Path".

import FoundationEssentials
import Glibc
import HostSupport
import KeptVMs

/// Whose service manager.
enum UnitScope: String, Encodable, CaseIterable {
    case system
    case user

    /// To follow "starts with the".
    var words: String { self == .system ? "host" : "user's service manager" }
}

struct UnitFiles {
    static let template = "dormouse@.service"
    static let target = "dormouse.target"
    static let dropInName = "50-dormouse.conf"
    private static let wantsOfDefault = "default.target.wants"

    let scope: UnitScope
    /// Where units of the administrator's, or the user's, are.
    let directory: String
    /// Where units may be, besides.
    let others: [String]

    /// - Parameters:
    ///   - scope: whose.
    ///   - root: the directory that the host's files are in; empty for this host's.
    ///   - environment: the value of a variable.
    init(
        _ scope: UnitScope, root: String = "", environment: (String) -> String? = Self.variable
    ) throws(ServiceError) {
        self.scope = scope
        switch scope {
        case .system:
            directory = "\(root)/etc/systemd/system"
            others = ["/run", "/usr/local/lib", "/usr/lib", "/lib"].map { "\(root)\($0)/systemd/system" }
        case .user:
            func absolute(_ name: String) -> String? { environment(name).flatMap { $0.hasPrefix("/") ? $0 : nil } }
            guard let home = absolute("HOME") ?? Self.homeOfUser else { throw .noHome }
            directory = "\(absolute("XDG_CONFIG_HOME") ?? home + "/.config")/systemd/user"
            others =
                ["\(absolute("XDG_DATA_HOME") ?? home + "/.local/share")/systemd/user"]
                + ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map { "\($0)/systemd/user" }
        }
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    private static var homeOfUser: String? {
        guard let user = getpwuid(geteuid()), let home = user.pointee.pw_dir else { return nil }
        let path = String(cString: home)
        return path.hasPrefix("/") ? path : nil
    }

    static func instance(_ name: String) -> String { "dormouse@\(name).service" }

    private func wants(_ name: String) -> String { "\(directory)/\(Self.target).wants/\(Self.instance(name))" }
    private var targetLink: String { "\(directory)/\(Self.wantsOfDefault)/\(Self.target)" }
    private func dropInDirectory(_ name: String) -> String { "\(directory)/\(Self.instance(name)).d" }
    func dropIn(_ name: String) -> String { "\(dropInDirectory(name))/\(Self.dropInName)" }

    // MARK: What is so

    /// Whether `vm`, and not another one of its name, starts with the host.
    func isEnabled(_ vm: VM) -> Bool { isLink(wants(vm.name)) && isStore(ofEnabled: vm) ?? true }

    /// Whether somebody who enabled or disabled `vm` was killed, and left a drop-in without a link.
    func hasRest(of vm: VM) -> Bool { !isLink(wants(vm.name)) && isStore(ofEnabled: vm) ?? false }

    /// The store that a unit's drop-in names.
    private func store(ofEnabled name: String) -> String? {
        guard let bytes = try? VM.read(dropIn(name), limit: 1 << 16) else { return nil }
        return UnitDropIn.store(in: String(decoding: bytes, as: UTF8.self))
    }

    /// Whether that is the VM's, however it is spelt; nil if no drop-in names one.
    private func isStore(ofEnabled vm: VM) -> Bool? {
        guard let store = store(ofEnabled: vm.name) else { return nil }
        guard let one = FileIdentity(path: store), let other = FileIdentity(path: vm.store) else {
            return store == vm.store
        }
        return one == other
    }

    /// The path of a unit's file.
    private func find(_ unit: String) throws(ServiceError) -> String {
        for place in [directory] + others {
            let path = "\(place)/\(unit)"
            if access(path, F_OK) == 0 { return path }
        }
        throw .noUnits(directories: [directory] + others)
    }

    private func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    // MARK: Changes

    /// Has `vm` start with the host.
    ///
    /// - Parameter root: what the paths in links are relative to, as `init` has it.
    /// - Returns: what was done, in words.
    func enable(_ vm: VM, _ dropIn: UnitDropIn, root: String = "") throws(ServiceError) -> [String] {
        let template = try find(Self.template)
        let target = try find(Self.target)
        if isLink(wants(vm.name)), let store = store(ofEnabled: vm.name), isStore(ofEnabled: vm) == false {
            throw .otherStore(name: vm.name, store: store)
        }
        let path = self.dropIn(vm.name)
        let text = try dropIn.text()
        try makeDirectories(above: path)
        removeLeftovers(in: dropInDirectory(vm.name))
        do throws(DurableFileError) {
            try DurableFile.write(Array(text.utf8), to: path, access: .byUmask)
        } catch { throw .file(path: path, operation: "write", reason: error.reason) }
        var words = ["wrote \(path)"]
        for (link, unit) in [(wants(vm.name), template), (targetLink, target)] {
            if try makeLink(link, to: String(unit.dropFirst(root.count))) { words.append("made the link \(link)") }
        }
        return words
    }

    /// Has `vm` not start with the host any more.
    ///
    /// - Returns: what was done, in words.
    func disable(_ vm: VM) throws(ServiceError) -> [String] {
        guard isEnabled(vm) || hasRest(of: vm) else { throw .notEnabled(name: vm.name) }
        var words: [String] = []
        let link = wants(vm.name)
        // First: a link without its drop-in would start whatever VM has the name where the unit looks for it.
        if isLink(link) {
            try remove(link)
            words.append("removed the link \(link)")
        }
        let path = dropIn(vm.name)
        removeLeftovers(in: dropInDirectory(vm.name))
        if access(path, F_OK) == 0 {
            try remove(path)
            words.append("removed \(path)")
        }
        // Somebody else's drop-ins may be there.
        rmdir(dropInDirectory(vm.name))
        return words
    }

    /// What a process left that was killed while it wrote a drop-in.
    private func removeLeftovers(in directory: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        where DurableFile.isTemporary(name: name) { unlink("\(directory)/\(name)") }
    }

    private func remove(_ path: String) throws(ServiceError) {
        guard unlink(path) == 0 else { throw .failure(path, "remove") }
    }

    /// - Returns: whether it was not there.
    private func makeLink(_ link: String, to unit: String) throws(ServiceError) -> Bool {
        if isLink(link) { return false }
        try makeDirectories(above: link)
        guard symlink(unit, link) == 0 else { throw .failure(link, "make the link") }
        return true
    }

    private func makeDirectories(above path: String) throws(ServiceError) {
        let parent = DurableFile.directory(of: path)
        guard access(parent, F_OK) != 0 else { return }
        if parent != "/" { try makeDirectories(above: parent) }
        guard mkdir(parent, 0o755) == 0 || errno == EEXIST else { throw .failure(parent, "make the directory") }
    }
}

extension ServiceError {
    fileprivate static func failure(_ path: String, _ operation: String) -> ServiceError {
        .file(path: path, operation: operation, reason: String(cString: strerror(errno)))
    }
}

extension VM {
    /// The directory that it is in.
    var store: String { DurableFile.directory(of: path) }

    /// Whose service manager starts it with the host.
    var enabledScope: UnitScope? {
        UnitScope.allCases.first { scope in (try? UnitFiles(scope))?.isEnabled(self) ?? false }
    }

    /// Throws if a service manager starts it by its name.
    func checkNotEnabled() throws(ServiceError) {
        if let scope = enabledScope { throw .enabled(name: name, scope: scope) }
    }
}
