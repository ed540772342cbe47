// The web page, in a browser: what one sees, does, and hears of it.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite(
    "The web page", .enabled(if: Nightly.isOn),
    .needs(Browser.isThere, Browser.whyNot), .needs(Guest.areBuilt, Guest.whyNot))
struct PageTests {
    /// A server, and a browser that has the page of one of its VMs open, logged in.
    func page(_ fragment: String = "", _ prepare: (TestServer) throws -> Void) throws -> Browser {
        var token = ""
        let server = try TestServer { directory in
            let (options, made) = try NetworkTests().tokenOptions(in: directory)
            token = made
            return options
        }
        try prepare(server)
        let browser = try Browser(server)
        try browser.open("https://localhost:\(try #require(server.port))/\(fragment)")
        try browser.wait(for: "!document.getElementById('login').hidden")
        #expect(try browser.evaluate(Bool.self, "document.getElementById('content').hidden"))
        try browser.type("\(token)\u{E007}", into: "#token")
        try browser.wait(for: "document.getElementById('connection').textContent === 'connected'")
        return browser
    }

    private func text(_ id: String) -> String { "document.getElementById('\(id)').textContent" }

    private func click(_ title: String, in group: String, _ browser: Browser) throws {
        let buttons = "[...document.querySelectorAll('#\(group) button')]"
        try browser.wait(for: "\(buttons).some((button) => button.textContent === '\(title)')")
        _ = try browser.evaluate(
            Bool.self, "\(buttons).find((button) => button.textContent === '\(title)').click() ?? true")
    }

    @Test("VMs come, change and go while one looks, and a VM is started, typed to and killed")
    func life() throws {
        let browser = try page { _ in }
        let server = browser.server
        #expect(try !browser.evaluate(Bool.self, "document.getElementById('empty').hidden"))
        try server.make("vm", .idle, append: "seconds=3600")
        try browser.wait(for: "\(text("list")) === 'vmdefined'")
        try browser.click("#list button")
        try browser.wait(for: "\(text("vm-name")) === 'vm' && \(text("life")).includes('made')")
        // Idle says nothing to its firmware, and the page waits for nothing: another one starts it.
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        try browser.wait(for: "\(text("list")) === 'vmrunning' && \(text("life")).includes('running')")
        // Its console is there without a word.
        try browser.wait(for: "\(text("console-screen")).includes('idle')")
        try browser.type("x\u{E007}", into: "#line")
        try browser.wait(for: "\(text("figures-words")).includes('memory')")
        try browser.wait(for: "\(text("disk-words")).includes('no disk')")
        #expect(try browser.evaluate(String.self, text("said")) == "")

        _ = try browser.evaluate(Bool.self, "(window.confirm = () => true) && true")
        try click("Kill", in: "verbs", browser)
        try browser.wait(for: "\(text("list")) === 'vmunknown'")
        try click("Remove", in: "verbs", browser)
        try browser.wait(for: "\(text("said")).includes('still has')")
        try server.expect(204, "DELETE", "/v1/vms/vm?force=true")
        // Of a VM that is gone there is no event.
        try server.make("other", .systemOff2)
        try browser.wait(for: "\(text("list")) === 'otherdefined' && document.getElementById('vm').hidden")
    }

    @Test("A start that is refused says why, what differs, and what one may do then; one of these resumes the guest")
    func refusal() throws {
        let browser = try page("#vm") { server in
            try server.make("vm", .sleeper, append: "cycles=1", disk: true)
            try server.expect(200, "POST", "/v1/vms/vm/start")
            try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
            try server.expect(200, "PATCH", "/v1/vms/vm", #"{"cpus": 2}"#)
        }
        try click("Start", in: "verbs", browser)
        try browser.wait(
            for: "!document.getElementById('refusal').hidden && \(text("differences")).includes('cpu.count')")
        #expect(try browser.evaluate(String.self, text("refusal-words")).contains("the environment changed"))
        #expect(try browser.evaluate(String.self, text("differences")).contains("it is not resumed"))
        try click("Resume in the recorded environment", in: "refusal-verbs", browser)
        try browser.wait(for: "\(text("list")) === 'vmpowered-off' && \(text("life")).includes('resumed')")
        #expect(try browser.evaluate(Bool.self, "document.getElementById('refusal').hidden"))
    }

    /// A VM that is hibernated, and whose start is refused by what `change` does.
    private func refused(_ server: TestServer, _ change: () throws -> Void) throws {
        try server.make("vm", .sleeper, append: "cycles=1", disk: true)
        try server.expect(200, "POST", "/v1/vms/vm/start")
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        try change()
    }

    /// Presses Start, and waits until it is said why it was not started, and what differs.
    private func startInVain(_ browser: Browser) throws {
        try click("Start", in: "verbs", browser)
        try browser.wait(
            for: "!document.getElementById('refusal').hidden && !document.getElementById('inspection').hidden")
    }

    private func titles(_ group: String) -> String {
        "[...document.querySelectorAll('#\(group) button')].map((button) => button.textContent)"
    }

    @Test("What may be done after a refusal does what it says: a clean boot, the image again, the old environment")
    func ways() throws {
        let browser = try page("#vm") { server in
            try refused(server) { try server.expect(200, "PATCH", "/v1/vms/vm", #"{"cpus": 2}"#) }
        }
        let server = browser.server
        try startInVain(browser)
        // What differs is in the table, row by row, as `inspect` has it.
        struct Inspection: Decodable {
            struct Start: Decodable {
                struct Difference: Decodable {
                    var path: String
                    var recorded: String?
                    var today: String?
                }
                var differences: [Difference]
            }
            var nextStart: Start
        }
        let rows = try browser.evaluate(
            [[String]].self,
            "[...document.querySelectorAll('#differences tbody tr')].map((row) => [...row.cells].map((cell) => "
                + "cell.textContent))")
        let differences = try server.expect(200, "GET", "/v1/vms/vm/inspection").decoded(Inspection.self)
            .nextStart.differences
        #expect(rows.map { $0[0] } == differences.map(\.path))
        #expect(rows.contains(["cpu.count", "1", "2", "it is not resumed"]), "\(rows)")
        let expected = ["Resume in the recorded environment", "Boot clean", "Restore the image"]
        #expect(try browser.evaluate([String].self, titles("refusal-verbs")) == expected)

        // All of it for those who hear it.
        #expect(try browser.evaluate([String].self, Self.unnamed) == [])
        for (selector, role, label) in [
            ("#refusal", "region", "Why it was not started"), ("#refusal-verbs", "group", "What can be done then"),
            ("#refusal-verbs button:nth-child(2)", "button", "Boot clean"),
            ("#differences", "table", "What differs from the record"),
            ("#differences th:nth-child(3)", "columnheader", "Today"),
        ] {
            let found = try browser.accessibility(selector)
            #expect(found.role == role && found.label == label, "\(selector): \(found)")
        }

        // Nothing is lost by now.
        try click("Restore the image", in: "refusal-verbs", browser)
        try browser.wait(for: "\(text("said")).includes('has lost no')")
        #expect(try server.vm("vm").state == "hibernated")
        try startInVain(browser)
        try click("Boot clean", in: "refusal-verbs", browser)
        try browser.wait(for: "\(text("list")) === 'vmpowered-off' && \(text("life")).includes('booted clean')")
        #expect(try browser.evaluate(Bool.self, "document.getElementById('refusal').hidden"))
        // The guest left its image alone.
        try click("Restore the image", in: "verbs", browser)
        try browser.wait(for: "\(text("list")) === 'vmhibernated' && \(text("said")).includes('is back')")
        try startInVain(browser)
        try click("Resume in the recorded environment", in: "refusal-verbs", browser)
        try browser.wait(for: "\(text("list")) === 'vmpowered-off' && \(text("life")).includes('resumed')")
        let log = try server.expect(200, "GET", "/v1/vms/vm/logs?source=console").text
        #expect(log.contains("clean boot, the image is left alone"), "\(log)")
        #expect(log.contains("memory is as it was") && !log.contains("not ok"), "\(log)")
    }

    /// What may be done after other refusals, and what brings those about.
    enum OtherRefusal: CaseIterable {
        case disk
        case age

        var words: String { self == .disk ? "disk 0: it was written after" : "its policy allows 1 s" }
        var way: String { self == .disk ? "Boot clean over the changed disk" : "Boot clean" }
    }

    @Test(
        "After a refusal for a disk's sake, or for the time's, a clean boot is what is offered, and what is done",
        arguments: OtherRefusal.allCases)
    func otherRefusals(refusal: OtherRefusal) throws {
        let browser = try page("#vm") { server in
            try refused(server) {
                switch refusal {
                case .disk:
                    let disk = URL(filePath: "\(server.directory)/vm.img")
                    var bytes = try Data(contentsOf: disk)
                    bytes[1_000_001] = 1
                    try bytes.write(to: disk)
                case .age:
                    try server.expect(200, "PATCH", "/v1/vms/vm", #"{"hibernation.expires-after": "1s"}"#)
                    let deadline = ContinuousClock.now.advanced(by: .seconds(60))
                    while try !server.expect(200, "GET", "/v1/vms/vm/inspection").text.contains("refused-expired") {
                        try #require(ContinuousClock.now < deadline, "it does not become too old")
                        usleep(100_000)
                    }
                }
            }
        }
        try startInVain(browser)
        #expect(try browser.evaluate(String.self, text("refusal-words")).contains(refusal.words))
        #expect(
            try browser.evaluate([String].self, titles("refusal-verbs")) == [refusal.way, "Restore the image"])
        try click(refusal.way, in: "refusal-verbs", browser)
        try browser.wait(for: "\(text("list")) === 'vmpowered-off' && \(text("life")).includes('booted clean')")
        #expect(try browser.server.vm("vm").lastEnd?.exitCode == 0)
    }

    @Test("What a VM takes is drawn: CPU, memory, and what it reads and writes, in lines that can be seen")
    func graphs() throws {
        // It boots, writes to its disk and resets, again and again; its host sees no image there.
        let browser = try page("#vm") { server in
            try server.make("vm", .sleeper, append: "cycles=1000000000 hide end=reset", disk: true)
            try server.expect(200, "POST", "/v1/vms/vm/start")
        }
        func points(_ name: String) throws -> [[Double]] {
            try browser.evaluate(
                [[Double]].self,
                "[...document.getElementById('figures-\(name)').points].map((point) => [point.x, point.y])")
        }
        // Rates take two looks.
        try browser.wait(for: "document.getElementById('figures-reads').points.length >= 4")
        let names = ["cpu", "memory", "reads", "writes"]
        for name in names {
            let points = try points(name)
            #expect(points.count >= 4, "\(name)")
            #expect(zip(points, points.dropFirst()).allSatisfy { $0[0] < $1[0] }, "\(name): \(points)")
            // Nothing at all is at 58, and the most at 2; the box ends at 60.
            #expect(points.allSatisfy { (1.9...58.1).contains($0[1]) }, "\(name): \(points)")
            #expect(points.contains { $0[1] < 57 }, "\(name): \(points)")
        }
        for (figure, words) in [("1", "figures-words"), ("2", "disk-words")] {
            let image = try browser.accessibility("figure:nth-of-type(\(figure)) svg")
            #expect(image.label.contains("memory") || image.label.contains("reads and"), "\(image)")
            #expect(try browser.evaluate(String.self, text(words)).count > 10)
        }
        let said = try browser.evaluate(String.self, text("disk-words"))
        let counts = said.matches(of: /\d+/).compactMap { Int($0.0) }
        #expect(counts.count == 4 && counts[2] > 0 && counts[3] > 0, "\(said)")

        for isDark in [false, true] {
            try browser.look(width: 1280, dark: isDark)
            for name in names {
                let stroke = try browser.evaluate(
                    [UInt8].self,
                    "getComputedStyle(document.getElementById('figures-\(name)')).stroke.match(/[0-9]+/g).map(Number)")
                let color = Picture.Color(red: stroke[0], green: stroke[1], blue: stroke[2])
                // A column of pixels for each of its points, at least.
                let picture = try browser.picture(of: "svg:has(#figures-\(name))")
                let count = picture.colors.filter { $0.key.isNear(color) }.values.reduce(0, +)
                #expect(count >= 10, "\(name), \(color): \(count)")
                #expect(try color.contrast(to: #require(picture.ground)) >= 3, "\(name)")
            }
        }
    }

    /// What has no name for those who do not see it.
    private static let unnamed = """
        [...document.querySelectorAll('button, input, table, section, nav, svg, [tabindex], [role]')] \
        .filter((element) => element.checkVisibility() && !(element.labels?.length || \
        element.getAttribute('aria-label') || element.getAttribute('aria-labelledby') || element.caption || \
        ['said', 'connection'].includes(element.id) || element.closest('nav') || element.textContent.trim())) \
        .map((element) => element.outerHTML)
        """

    @Test("Everything has a name for those who do not see it, and the keyboard leads everywhere")
    func accessibility() throws {
        let browser = try page("#vm") { try $0.make("vm", .systemOff2) }
        try browser.wait(for: "\(text("vm-name")) === 'vm'")
        #expect(try browser.evaluate([String].self, Self.unnamed) == [])
        #expect(try browser.accessibility("#list button").label == "vm")
        #expect(try browser.accessibility("#vm").label == "vm")
        #expect(try browser.accessibility("#said").role == "status")
        #expect(try browser.accessibility("#line").label == "Type")
        #expect(try browser.accessibility("nav").role == "navigation")
        #expect(try browser.accessibility("#console").label == "Console")
        #expect(try browser.accessibility("#console-spoken").role == "log")

        // By Tab from the beginning, each button and each field has its turn.
        _ = try browser.evaluate(Bool.self, "document.activeElement.blur() ?? true")
        var visited: Set<String> = []
        for _ in 0..<40 {
            try browser.press("\u{E004}")
            visited.insert(try browser.evaluate(String.self, "document.activeElement.outerHTML"))
        }
        let reachable =
            "[...document.querySelectorAll('button, input, #console')].filter((element) => "
            + "element.checkVisibility() && !element.disabled).map((element) => element.outerHTML)"
        #expect(try Set(browser.evaluate([String].self, reachable)).subtracting(visited) == [])
    }

    @Test("What is typed at the console goes to the guest in the order of the keys, and Shift+Tab ends that")
    func typing() throws {
        let browser = try page("#vm") { server in
            try server.make("vm", .idle, append: "seconds=3600")
            try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        }
        try browser.wait(for: "\(text("console-screen")).includes('idle') && view.writes")
        // What is sent is looked at on its way: this guest reads nothing.
        _ = try browser.evaluate(
            Bool.self, "(window.sent = [], view.send = (text) => window.sent.push(text), view.box.focus(), true)")
        // Before one wants it, keys are the browser's.
        try browser.press("a")
        try browser.press("\u{E007}")
        try browser.wait(for: "view.isTyping")
        // Enter, Tab, Escape, Backspace, arrows, Home, Delete, Page Up, F1, F5, as xterm's control sequences have them.
        try browser.press("x\u{E007}\u{E004}\u{E00C}\u{E003}\u{E013}\u{E015}\u{E014}\u{E012}\u{E011}\u{E017}")
        try browser.press("\u{E00E}\u{E031}\u{E035}é")
        let (control, alt, shift) = ("\u{E009}", "\u{E00A}", "\u{E008}")
        for (modifier, key) in [(control, "c"), (control, "["), (control, "\u{E014}"), (alt, "b")] {
            try browser.press(key, holding: modifier)
        }
        let expected = [
            "x", "\r", "\t", "\u{1B}", "\u{7F}", "\u{1B}[A", "\u{1B}[B", "\u{1B}[C", "\u{1B}[D", "\u{1B}[H",
            "\u{1B}[3~", "\u{1B}[5~", "\u{1B}OP", "\u{1B}[15~", "é", "\u{3}", "\u{1B}", "\u{1B}[1;5C", "\u{1B}b",
        ]
        #expect(try browser.evaluate([String].self, "window.sent") == expected)
        // DECCKM.
        _ = try browser.evaluate(Bool.self, "(view.terminal.write('\\x1b[?1h'), window.sent = [], true)")
        try browser.press("\u{E013}")
        #expect(try browser.evaluate([String].self, "window.sent") == ["\u{1B}OA"])

        try browser.press("\u{E004}", holding: shift)
        try browser.wait(for: "!view.isTyping && document.activeElement.id === 'console'")
        try browser.press("\u{E004}")
        #expect(try browser.evaluate(Bool.self, "document.activeElement.closest('#keys') !== null"))
    }

    @Test("Lines of the guest are told to those who hear them, old ones and those of full-screen programs are not")
    func hearing() throws {
        let browser = try page("#vm") { server in
            try server.make("vm", .idle, append: "seconds=3600")
            try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        }
        try browser.wait(for: "\(text("console-screen")).includes('idle') && view.isLive")
        func write(_ text: String) throws {
            _ = try browser.evaluate(Bool.self, "(view.output(new TextEncoder().encode('\(text)')), true)")
        }
        #expect(try browser.evaluate(String.self, text("console-spoken")) == "")
        try write(#"one\r\n\x1b[31mtwo\x1b[m\r\n\x1b[?1049hfull\r\nscreen\x1b[?1049llogin: "#)
        try browser.wait(for: "\(text("console-spoken")) === 'onetwologin:'")
        // An answer to a question is for what runs: what comes first of a stream was answered before.
        _ = try browser.evaluate(Bool.self, "(window.answers = [], view.answer = (text) => answers.push(text), true)")
        try write(#"\x1b[6n\x1b[c"#)
        let row = try browser.evaluate(Int.self, "view.terminal.row") + 1
        #expect(try browser.evaluate([String].self, "answers") == ["\u{1B}[\(row);8R", "\u{1B}[?1;2c"])
        _ = try browser.evaluate(Bool.self, "(view.open({ writes: true, detail: '', old: 8 }), answers = [], true)")
        try write(#"\x1b[6n\x1b[6n\x1b[5n"#)
        #expect(try browser.evaluate([String].self, "answers") == ["\u{1B}[0n"])
    }

    @Test("It fits narrow screens and wide ones, and text can be read in light and in dark", arguments: [360, 1280])
    func looks(width: Int) throws {
        let browser = try page("#vm") { server in
            try server.make("vm", .idle, append: "seconds=3600", disk: true)
            try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        }
        try browser.wait(for: "\(text("console-screen")).includes('idle') && view.isLive")
        // Each of the sixteen colours as ink, and as ground.
        let colors = ((30...37).map { ($0, $0 + 10) } + (90...97).map { ($0, $0 + 10) })
            .map { #"\x1b[\#($0.0)mink\x1b[m \x1b[\#($0.1)mground\x1b[m "# }.joined()
        _ = try browser.evaluate(
            Bool.self, "(view.output(new TextEncoder().encode('\\r\\n\(colors)\\x1b[7minverse\\x1b[m')), true)")
        try browser.wait(for: "\(text("console-screen")).includes('inverse')")
        try browser.wait(for: "\(text("disk-words")).includes('reads') && \(text("figures-words")).includes('memory')")
        try browser.click("#inspect")
        try browser.wait(for: "!document.getElementById('inspection').hidden")
        for isDark in [false, true] {
            try browser.look(width: width, dark: isDark)
            try browser.wait(for: "innerWidth === \(width)")
            #expect(try browser.evaluate(Bool.self, "document.documentElement.scrollWidth <= innerWidth"))
            // WCAG 2.2, 1.4.3: 4.5 to 1 at least.
            let contrast = """
                (() => {
                  const luminance = (color) => color.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255)
                    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
                    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
                  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                  const ground = (element) => {
                    const color = getComputedStyle(element).backgroundColor;
                    return color === 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : color;
                  };
                  const text = 'body, h2, td, th, button, time, #connection, #console, #console span, #console-hint';
                  return Math.min(...[...document.querySelectorAll(text)]
                    .filter((element) => element.checkVisibility())
                    .map((element) => ratio(luminance(getComputedStyle(element).color), luminance(ground(element)))));
                })()
                """
            #expect(try browser.evaluate(Double.self, contrast) >= 4.5)
            let ground = try browser.evaluate(String.self, "getComputedStyle(document.body).backgroundColor")
            #expect(ground == (isDark ? "rgb(18, 18, 18)" : "rgb(255, 255, 255)"))
            // Nothing ends outside the window, or is cut off by what it is in: but for the console, which scrolls.
            let cut = """
                [...document.querySelectorAll('body *')].filter((element) => element.checkVisibility()
                    && !element.closest('#console, .unseen, .skip'))
                  .filter((element) => {
                    const { left, right } = element.getBoundingClientRect();
                    return left < -0.5 || right > innerWidth + 0.5
                      || element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1;
                  }).map((element) => element.outerHTML.slice(0, 200))
                """
            #expect(try browser.evaluate([String].self, cut) == [])
            try seen(browser, dark: isDark)
            try keep(try browser.screenshot(), "page-\(width)-\(isDark ? "dark" : "light").png")
        }
    }

    /// That the window shows the page as it is meant to be seen: on its ground, and with text that can be read.
    private func seen(_ browser: Browser, dark isDark: Bool) throws {
        let white = Picture.Color(red: 255, green: 255, blue: 255)
        let window = try browser.picture()
        let ground = try #require(window.ground)
        #expect(isDark ? ground.contrast(to: white) > 15 : ground == white, "\(ground)")
        // The VM is in the list.
        let row = try browser.picture(of: "#list tr")
        #expect(row.inkShare > 0.01, "\(row.inkShare)")
        for selector in [
            "h1", "#vm-name", "#vm-words", "#list button", "#list [data-state]", "#verbs button",
            "#console-screen > div", "#figures-words", "#life strong", "#inspect", "#next",
        ] {
            let text = try browser.picture(of: selector)
            #expect(text.contrast >= 4.5 && text.inkShare > 0.003, "\(selector): \(text.contrast), \(text.inkShare)")
            // Bright on dark, or dark on bright.
            let ground = try #require(text.ground)
            #expect((ground.contrast(to: white) > 4.5) == isDark, "\(selector): \(ground)")
        }
    }

    /// Leaves a picture in .build/screenshots, for people.
    private func keep(_ picture: Data, _ name: String) throws {
        let directory = (0..<3).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
            .appending(path: ".build/screenshots")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try picture.write(to: directory.appending(path: name))
    }
}
