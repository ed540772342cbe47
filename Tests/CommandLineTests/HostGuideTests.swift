// What docs/host.md begins with, done as it is written there: three VMs, one command each, and a reboot.
//
// Where systemd would be are two small programs, which do what the units say that it does: its files and the directory
// by which it is known to run are this test's, in a mount namespace of its own. The guest hibernates in miniature. Real
// guests and a real systemd are in EndToEndTests, at night.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// Root in a container need not be allowed to mount anything.
private enum Mounting {
    static let isAllowed = system("unshare --mount mount -t tmpfs none /mnt 2>/dev/null") == 0
}

@Suite(
    "The guide to VMs on a host", .needs(Guest.areBuilt, Guest.missing),
    .needs(
        geteuid() == 0 && access("/etc/systemd", F_OK) == 0,
        "this takes root, and systemd's directories: run scripts/setup, as root"),
    .enabled(if: Mounting.isAllowed, "this process may not mount anything"))
struct HostGuideTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").path

    /// The lines of a page's first block of code.
    private static func firstBlock(of page: String) throws -> [String] {
        let text = String(decoding: try Data(contentsOf: URL(filePath: "\(root)/docs/\(page)")), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.drop { !$0.hasPrefix("    ") }.prefix { $0.hasPrefix("    ") }.map { String($0.dropFirst(4)) }
    }

    /// What a service manager does with a unit of ours: `$log` has what it was asked for.
    private static let manager = #"""
        units=/etc/systemd/system
        # The last value that the unit and its drop-in have for key $1, as dormouse@.service is for the VM $name.
        value() {
            cat $units/dormouse@.service "$units/dormouse@$name.service.d/50-dormouse.conf" |
                sed -n "s/^$1=//p" | tail -n 1 | sed "s/%i/$name/g"
        }
        # Runs the command of key $1, with what $2 and on add to it, in the unit's environment.
        run() {
            key=$1
            shift
            environment=$(value Environment | sed 's/^"\(.*\)"$/\1/')
            # The words of a command line.
            # shellcheck disable=SC2046
            env "$environment" $(value "$key") "$@"
        }
        start() { run ExecStart --detach --wait-for '# hibernating, checksum' --timeout 600; }
        enabled() {
            # What the host starts is what its default target wants, and that has to lead to units.
            [ -e $units/default.target.wants/dormouse.target ] || return
            for link in $units/dormouse.target.wants/*; do
                [ -e "$link" ] || continue
                name=${link##*/dormouse@}
                echo "${name%.service}"
            done
        }
        """#

    private static let systemctl = #"""
        echo "systemctl $*" >>"$log"
        case $1 in
        start)
            name=${2#dormouse@}
            name=${name%.service}
            start
            ;;
        daemon-reload) ;;
        *) exit 1 ;;
        esac
        """#

    private static let reboot = #"""
        echo reboot >>"$log"
        for name in $(enabled); do run ExecStop; done
        for name in $(enabled); do
            # Of a VM that is hibernated the exit code is not 0.
            echo "down: $name $(env "$(value Environment | tr -d '"')" dormouse status "$name")"
        done
        for name in $(enabled); do start; done
        """#

    /// `$0` is the command, `$1` a directory, `$2` the source tree, `$3` what is to be done.
    private static let script = #"""
        set -e
        mount -t tmpfs tmpfs /run
        # sd_booted(3).
        mkdir -p /run/systemd/system
        mount -t tmpfs tmpfs /etc/systemd
        mkdir /etc/systemd/system
        # "Elsewhere, put the four files of Packaging/systemd into /etc/systemd/system".
        cp "$2"/Packaging/systemd/* /etc/systemd/system
        ln -s "$0" "$1/bin/dormouse"
        export PATH="$1/bin:$PATH" DORMOUSE_STORE="$1/store"
        trap 'for vm in $(ls "$DORMOUSE_STORE"); do dormouse kill "$vm" >&2 || true; done' EXIT
        sh -e "$3"
        dormouse list --json
        """#

    @Test("Three VMs are enabled by one command each, start, hibernate with their host, and are resumed after it")
    func begin() async throws {
        struct Entry: Decodable {
            var name: String
            var process: Int?
            var enabled: String?
        }
        let names = ["web", "db", "mail"]
        let directory = try TemporaryDirectory()
        let store = "\(directory.path)/store"
        for name in names {
            let disk = try directory.file("\(name).img", [UInt8](repeating: 0, count: 1 << 20))
            let made = try await Command.run([
                "create", name, "--store", store, "--kernel", Guest.sleeper.path, "--append", "cycles=9 end=wait",
                "--memory", "64", "--disk", disk,
            ])
            try #require(made.exitCode == 0, "\(made.error)")
        }
        let log = try directory.file("log")
        try FileManager.default.createDirectory(atPath: "\(directory.path)/bin", withIntermediateDirectories: false)
        for (name, text) in [("systemctl", Self.systemctl), ("reboot", Self.reboot)] {
            let lines = ["#!/bin/sh", "set -e", "log='\(log)'", Self.manager, text, ""]
            let path = try directory.file("bin/\(name)", lines.joined(separator: "\n").utf8)
            try #require(chmod(path, 0o700) == 0)
        }
        let block = try Self.firstBlock(of: "host.md")
        #expect(block.last == "reboot", "\(block)")
        let done = try await Command.shell(
            #"exec unshare --mount --propagation private sh -c "$1" "$0" "$2" "$3" "$4""#, Self.script,
            directory.path, Self.root, try directory.file("block", block.joined(separator: "\n").utf8))
        #expect(done.exitCode == 0, "\(done.error)")
        // What systemd was told, and nothing else.
        let told = String(decoding: try Data(contentsOf: URL(filePath: log)), as: UTF8.self)
        let wanted = names.flatMap { ["systemctl daemon-reload", "systemctl start dormouse@\($0).service"] }
        #expect(told.split(separator: "\n").map(String.init) == wanted + ["reboot"])
        let down = done.output.split(separator: "\n").filter { $0.hasPrefix("down: ") }.sorted()
        #expect(down == names.sorted().map { "down: \($0) hibernated" }, "\(done.output)")
        let list = try #require(done.output.firstRange(of: "[\n"), "\(done.output)")
        let entries = try JSONDecoder().decode(
            [Entry].self, from: Data(done.output[list.lowerBound...].utf8))
        #expect(entries.map(\.name) == names.sorted())
        for entry in entries { #expect(entry.process != nil && entry.enabled == "system", "\(entry)") }
        for name in names {
            let said = try await Command.run(["logs", name, "--store", store]).output
            // With its memory as it was, by its own word.
            let before = try #require(said.firstMatch(of: /# hibernating, checksum (0x[0-9a-f]+)/)?.1, "\(said)")
            #expect(said.contains("# resumed, checksum \(before)") && !said.contains("not ok"), "\(said)")
        }
    }
}
