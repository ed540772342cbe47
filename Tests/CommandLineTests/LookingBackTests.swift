// What the command says of what was: events and lines from a number or a time on, ends of several VMs; and the names that
// a shell completes.

import Foundation
import TestSupport
import Testing

@Suite("Looking back", .needs(Guest.areBuilt, Guest.missing))
struct LookingBackTests {
    /// The third column of each line: the number.
    private static func numbers(_ lines: String) -> [String] {
        lines.split(separator: "\n").map { line in
            let columns = line.split(separator: "\t")
            return columns.count > 2 ? String(columns[2]) : "none"
        }
    }

    @Test("Events are those behind a number, or from a time on")
    func events() async throws {
        let vm = try await TestVM(disks: 1)
        #expect(try await vm.start().exitCode == 40)
        let all = try await vm.run("events").output
        #expect(Self.numbers(all) == ["1", "2", "3", "4"])
        func numbers(_ options: String...) async throws -> [String] {
            Self.numbers(try await vm.run("events", options).output)
        }
        #expect(try await numbers("--after", "2") == ["3", "4"])
        #expect(try await numbers("--after", "4") == [])
        #expect(try await numbers("--since", "24h") == ["1", "2", "3", "4"])
        #expect(try await numbers("--since", "2100-01-01T00:00:00Z") == [])
        // As a user takes a time from a line of before.
        let time = try #require(all.split(separator: "\n")[2].split(separator: "\t").first.map(String.init))
        let since = try await numbers("--since", time)
        #expect(since.suffix(2) == ["3", "4"] && !since.contains("1"), "\(all)")
        #expect(try await numbers("--since", time, "--after", "3") == ["4"])
        let several = try await Command.run(["events", "--after", "2", "--store", vm.store])
        #expect(several.exitCode == 64 && several.error.contains("--after needs the name"), "\(several.error)")
    }

    @Test("Lines of a log are those from a time on")
    func logs() async throws {
        let vm = try await TestVM(disks: 1)
        #expect(try await vm.start().exitCode == 40)
        let all = try await vm.run("logs").output
        #expect(all.contains("dormouse: "))
        #expect(try await vm.run("logs", ["--since", "24h"]).output == all)
        #expect(try await vm.run("logs", ["--since", "2100-01-01T00:00:00Z"]).output == "")
        // Each line's time is what it can be found by.
        let timed = try await vm.run("logs", ["--timestamps"]).output.split(separator: "\n")
        let time = try #require(timed.last?.split(separator: " ").first.map(String.init))
        let last = try await vm.run("logs", ["--since", time]).output.split(separator: "\n")
        #expect(!last.isEmpty && last == all.split(separator: "\n").suffix(last.count), "\(timed)")
    }

    @Test("Of several VMs that are waited for, each has its exit code, in their order")
    func wait() async throws {
        let vm = try await TestVM(disks: 1)
        #expect(try await vm.run("copy", ["new", "--full"]).exitCode == 0)
        #expect(try await vm.start().exitCode == 40)
        let store = ["--store", vm.store]
        #expect(try await Command.run(["set", "new", "append=end=off"] + store).exitCode == 0)
        #expect(try await Command.run(["start", "new"] + store).exitCode == 0)
        #expect(try await Command.run(["wait", "vm", "new", "vm"] + store).output == "40\n0\n40\n")
        let missing = try await Command.run(["wait", "vm", "none"] + store)
        #expect(missing.exitCode == 64 && missing.output.isEmpty && missing.error.contains("none"))
    }

    @Test("A shell completes the names of VMs, of the store that is named or of the user's")
    func names() async throws {
        let vm = try await TestVM(disks: 1)
        #expect(try await vm.run("copy", ["vm-two", "--full"]).exitCode == 0)
        // As bash calls it (bash(1), "Programmable Completion").
        let script = """
            mkdir "$1/bin" && ln -s "$0" "$1/bin/dormouse" && PATH=$1/bin:$PATH
            dormouse --generate-completion-script bash >"$1/completion"
            place=$1
            run() { bash -c '. "$1/completion"; shift
                COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_TYPE=9
                COMP_POINT=${#COMP_LINE}
                _dormouse dormouse "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
                printf "%s " "${COMPREPLY[@]}"; echo' bash "$place" "$@"; }
            run dormouse status --store "$place/store" v
            DORMOUSE_STORE=$place/store run dormouse status vm-
            run dormouse status --store "$place" v
            """
        let completed = try await Command.shell(script, vm.directory.path)
        let lines = completed.output.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.split(separator: " ").sorted().joined(separator: " ")
        }
        #expect(lines == ["vm vm-two", "vm-two", "", ""], "\(completed.output) \(completed.error)")
    }
}
