// VMs that start with their host: what systemd is given, checked by systemd's own verifier. What it then does is shown
// by the reboot of a whole host, in EndToEndTests.

import FoundationEssentials
import Glibc
import KeptVMs
import Subprocess
import SystemPackage
import TestSupport
import Testing

@testable import DormouseCommand

@Suite("VMs that start with their host", .needs(Guest.areBuilt, Guest.missing))
struct EnableTests {
    private static let units = ["dormouse@.service", "dormouse.target", "dormouse.slice", "dormouse-serve.service"]

    /// The units of this tree, for the executable that was built.
    private static func install(in root: String, at place: String = "usr/lib/systemd/system") throws {
        let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Packaging/systemd")
        try FileManager.default.createDirectory(atPath: "\(root)/\(place)", withIntermediateDirectories: true)
        for unit in units {
            let text = String(decoding: try Data(contentsOf: source.appending(path: unit)), as: UTF8.self)
            let changed = text.replacing("/usr/bin/dormouse", with: Command.path.string)
            try Data(changed.utf8).write(to: URL(filePath: "\(root)/\(place)/\(unit)"))
        }
    }

    private static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    }

    /// What systemd's verifier says of the unit of the VM in `root`.
    private static func verified(_ unit: String, in root: String) async throws -> String {
        let paths = "\(root)/etc/systemd/system:\(root)/usr/lib/systemd/system:"
        let result = try await Subprocess.run(
            .name("systemd-analyze"), arguments: ["verify", "--man=no", unit],
            environment: .inherit.updating(["SYSTEMD_UNIT_PATH": paths]),
            output: .string(limit: 1 << 16), error: .string(limit: 1 << 16))
        let words = result.standardOutput + result.standardError
        // Of units of this machine's own it may have something to say.
        let ours = words.split(separator: "\n").filter { $0.contains("dormouse") || $0.contains(root) }
        return result.terminationStatus == .exited(0) ? ours.joined(separator: "\n") : words
    }

    @Test("The units are sound to systemd, and one that is not is seen to be not", .needsVerifier)
    func verifies() async throws {
        let root = try TemporaryDirectory()
        try Self.install(in: root.path)
        for unit in ["dormouse@vm.service", "dormouse.target", "dormouse.slice", "dormouse-serve.service"] {
            #expect(try await Self.verified(unit, in: root.path) == "")
        }
        let path = "\(root.path)/usr/lib/systemd/system/dormouse@.service"
        let wrong = try Self.text(path).replacing("KillMode=mixed", with: "KillMode=mxed")
        try Data(wrong.utf8).write(to: URL(filePath: path))
        #expect(try await Self.verified("dormouse@vm.service", in: root.path).contains("mxed"))
    }

    @Test(
        "A VM that is enabled has its links and what is its own, which systemd takes, and nothing of it when it is not")
    func enable() async throws {
        let root = try TemporaryDirectory()
        try Self.install(in: root.path)
        let vm = try await TestVM(disks: 1)
        try vm.edit(
            "[hibernation]",
            "[host]\ntimeout = '5m'\nthen = 'kill'\nmemory-max = '1G'\ncpu-quota = '150%'\n\n[hibernation]")
        let enabled = try await vm.run("enable", ["--root", root.path + "/"])
        #expect(enabled.exitCode == 0, "\(enabled.error)")
        let system = "\(root.path)/etc/systemd/system"
        for (link, unit) in [
            ("dormouse.target.wants/dormouse@vm.service", "dormouse@.service"),
            ("default.target.wants/dormouse.target", "dormouse.target"),
        ] {
            // As they are on the host whose files these are.
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(system)/\(link)")
            #expect(target == "/usr/lib/systemd/system/\(unit)")
            #expect(enabled.error.contains("made the link \(system)/\(link)"))
        }
        let path = "\(system)/dormouse@vm.service.d/50-dormouse.conf"
        let lines = try Self.text(path).split(separator: "\n").map(String.init)
        for line in [
            "Environment=\"DORMOUSE_STORE=\(vm.store)\"", "TimeoutStopSec=400", "MemoryMax=1073741824", "CPUQuota=150%",
            "ExecStop=/usr/bin/dormouse hibernate %i --if-running --timeout 300 --then kill",
            "RequiresMountsFor=\"\(vm.store)\" \"\(vm.kernel)\" \"\(vm.disks[0])\"",
        ] {
            #expect(lines.contains(line), "\(lines)")
        }
        // Again, without a word about what is there already.
        try vm.edit("'5m'", "'10m'")
        let again = try await vm.run("enable", ["--root", root.path])
        #expect(again.exitCode == 0 && !again.error.contains("link"), "\(again.error)")
        #expect(try Self.text(path).contains("--timeout 600 "))

        let disabled = try await vm.run("disable", ["--root", root.path])
        #expect(disabled.exitCode == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(system)/dormouse.target.wants") == [])
        #expect(!FileManager.default.fileExists(atPath: "\(system)/dormouse@vm.service.d"))
        let twice = try await vm.run("disable", ["--root", root.path])
        #expect(twice.exitCode == 64 && twice.error.contains("is not enabled"))
    }

    @Test("What has characters that mean something to systemd is taken by it as it is", .needsVerifier)
    func quoting() async throws {
        let root = try TemporaryDirectory()
        try Self.install(in: root.path)
        let place = "\(root.path)/a 100%n $HOME"
        let odd = "\(root.path)/'a' \"b\" 100%n \\x20 $HOME"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: "\(place)/dormouse", withDestinationPath: Command.path.string)
        var dropIn = UnitDropIn(name: "vm", store: "\(odd)/store", executable: "\(place)/dormouse")
        dropIn.paths = ["\(odd)/disk.img"]
        let directory = "\(root.path)/etc/systemd/system/dormouse@vm.service.d"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try Data(dropIn.text().utf8).write(to: URL(filePath: "\(directory)/\(UnitFiles.dropInName)"))
        // It looks whether the executable is there.
        #expect(try await Self.verified("dormouse@vm.service", in: root.path) == "")
        #expect(UnitDropIn.store(in: try dropIn.text()) == "\(odd)/store")
        try FileManager.default.removeItem(atPath: "\(place)/dormouse")
        #expect(try await Self.verified("dormouse@vm.service", in: root.path).contains("is not executable"))
        // What it takes in no way.
        dropIn.executable = "\(odd)/dormouse"
        #expect(throws: ServiceError.self) { try dropIn.text() }
        dropIn.executable = nil
        dropIn.store = "/a\nExecStart=/bin/evil"
        #expect(throws: ServiceError.self) { try dropIn.text() }
    }

    @Test("Paths with dots in them are given to systemd as it takes them, through whatever links", .needsVerifier)
    func dots() async throws {
        let root = try TemporaryDirectory()
        try Self.install(in: root.path)
        let manager = FileManager.default
        for place in ["disks/deep", "store", "kernels"] {
            try manager.createDirectory(atPath: "\(root.path)/\(place)", withIntermediateDirectories: true)
        }
        try manager.createSymbolicLink(atPath: "\(root.path)/link", withDestinationPath: "\(root.path)/disks/deep")
        let disk = try root.file("disks/disk.img", [])
        let base = try #require(realpath(root.path, nil).flatMap { String(validatingCString: $0) })
        let path = root.path
        for (given, taken) in [
            ("\(path)/link/../disk.img", ["\(path)/link", "\(base)/disks/disk.img"]),
            ("\(path)/kernels/../kernels/none", ["\(path)/kernels", "\(base)/kernels/none"]),
            ("\(path)/none/../disks", ["\(path)/none"]), ("\(path)/./kernels/none", ["\(path)/kernels/none"]),
            (disk, [disk]), ("/a..b/c.", ["/a..b/c."]), ("/..", ["/", "/"]), ("/.", ["/"]),
        ] { #expect(MountPath.all(of: given) == taken, "\(given)") }
        var dropIn = UnitDropIn(
            name: "vm", store: "\(root.path)/store/../store", executable: Command.path.string)
        dropIn.paths = ["\(root.path)/link/../disk.img"]
        let directory = "\(root.path)/etc/systemd/system/dormouse@vm.service.d"
        try manager.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let file = URL(filePath: "\(directory)/\(UnitFiles.dropInName)")
        try Data(dropIn.text().utf8).write(to: file)
        #expect(try await Self.verified("dormouse@vm.service", in: root.path) == "")
        // Systemd does look.
        let wrong = "[Unit]\nRequiresMountsFor=\(root.path)/store/../store\n"
        try Data(wrong.utf8).write(to: file)
        #expect(try await Self.verified("dormouse@vm.service", in: root.path) != "")
    }

    @Test("What cannot be is refused, with what to do")
    func refused() async throws {
        let root = try TemporaryDirectory()
        let vm = try await TestVM(disks: 1)
        let missing = try await vm.run("enable", ["--root", root.path])
        #expect(missing.exitCode == 64 && missing.error.contains("no unit dormouse@.service in \(root.path)/etc/"))
        try Self.install(in: root.path)
        #expect(try await vm.run("enable", ["--root", root.path]).exitCode == 0)
        // Another VM of that name.
        let other = try await TestVM(disks: 1)
        let taken = try await other.run("enable", ["--root", root.path])
        #expect(taken.exitCode == 64 && taken.error.contains(vm.store), "\(taken.error)")
        #expect(try await other.run("disable", ["--root", root.path]).error.contains("is not enabled"))
        // The same one, by another spelling.
        let link = "\(root.path)/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: vm.store)
        let files = try UnitFiles(.system, root: root.path)
        for store in ["\(vm.store)/", "\(vm.store)/../\(vm.store.split(separator: "/").last ?? "")", link] {
            #expect(files.isEnabled(try VMStore(path: store).vm("vm")), "\(store)")
        }
        #expect(!files.isEnabled(try VMStore(path: other.store).vm("vm")))
        let now = try await vm.run("enable", ["--root", root.path, "--now"])
        #expect(now.exitCode == 64 && now.error.contains("--now"))
        #expect(try await vm.run("enable", ["--root", "/", "--user"]).exitCode == 64)
    }

    @Test("A user's VM is enabled in the user's files, and the list and inspect say so")
    func user() async throws {
        let home = try TemporaryDirectory()
        try Self.install(in: home.path, at: ".local/share/systemd/user")
        let vm = try await TestVM(disks: 1)
        let environment = Command.environment.updating([
            "HOME": home.path, "XDG_CONFIG_HOME": nil, "XDG_DATA_HOME": nil, "XDG_RUNTIME_DIR": nil,
        ])
        func run(_ arguments: String...) async throws -> Finished {
            try await Command.run(arguments + ["--store", vm.store], environment: environment) { _ in }
        }
        #expect(try await !run("list", "--json").output.contains("enabled"))
        let enabled = try await run("enable", "vm", "--user")
        #expect(enabled.exitCode == 0 && enabled.error.contains("loginctl enable-linger"), "\(enabled.error)")
        let link = "\(home.path)/.config/systemd/user/dormouse.target.wants/dormouse@vm.service"
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: link)
        #expect(target == "\(home.path)/.local/share/systemd/user/dormouse@.service")
        // It is not where the unit says.
        #expect(
            try Self.text("\(home.path)/.config/systemd/user/dormouse@vm.service.d/50-dormouse.conf")
                .contains("ExecStart=\(Command.path.string) start %i\n"))
        for verb in [["list"], ["inspect", "vm"]] {
            let output = try await Command.run(
                verb + ["--json", "--store", vm.store], environment: environment
            ) { _ in }.output
            #expect(output.contains("\"enabled\" : \"user\""), "\(output)")
        }
        // What the unit would start is not to go away under it.
        let removed = try await run("rm", "vm")
        #expect(removed.exitCode == 64 && removed.error.contains("`dormouse disable vm --user`"), "\(removed.error)")
        #expect(try await run("rename", "vm", "other").exitCode == 64)
        #expect(try await run("disable", "vm", "--user").exitCode == 0)
        #expect(try await run("rename", "vm", "other").exitCode == 0)
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where there is no systemd-analyze.
    fileprivate static var needsVerifier: Self {
        .needs(access("/usr/bin/systemd-analyze", X_OK) == 0, "systemd-analyze is missing; install systemd")
    }
}
