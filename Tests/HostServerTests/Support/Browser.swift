// A browser that a test steers, by the protocol that browsers have for that (W3C WebDriver): Debian's Chromium, by its
// chromedriver. Elements are named by CSS selectors.

import Foundation
import Glibc
import HostSupport
import Testing

/// A window of a browser. It keeps the server whose page it shows.
final class Browser {
    let server: TestServer
    private static let driver = Program.tool("chromedriver")
    static let isThere = driver != nil && Program.tool("chromium") != nil
    static let whyNot: Comment = "chromium or chromium-driver is not installed: run scripts/setup --browser"

    private let process = Process()
    private let port: UInt16
    private var session = ""

    /// How long a page has to become what a test waits for.
    private static let patience = Duration.seconds(60)

    init(_ server: TestServer) throws {
        self.server = server
        let output = Pipe()
        let driver: URL = try #require(Self.driver)
        process.executableURL = driver
        process.arguments = ["--port=0"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var text = ""
        var found: UInt16?
        while found == nil {
            let more = output.fileHandleForReading.availableData
            try #require(!more.isEmpty, "chromedriver ended: \(text)")
            text += String(decoding: more, as: UTF8.self)
            found = text.firstMatch(of: /started successfully on port (\d+)/).flatMap { UInt16($0.1) }
        }
        output.fileHandleForReading.readabilityHandler = {
            if $0.availableData.isEmpty { $0.readabilityHandler = nil }
        }
        port = try #require(found)
        struct Session: Decodable { var sessionId: String }
        let capabilities = """
            {"capabilities": {"alwaysMatch": {"browserName": "chrome", "acceptInsecureCerts": true, "goog:chromeOptions": \
            {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]}}}}
            """
        session = try value(Session.self, "POST", "/session", capabilities).sessionId
    }

    deinit {
        _ = try? command("DELETE", "/session/\(session)", nil)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    // MARK: The protocol

    private struct Script: Encodable {
        var script: String
        var args: [String] = []
    }

    private struct Wrapped<Value: Decodable>: Decodable { var value: Value }

    private func command(_ method: String, _ path: String, _ body: String?) throws -> Reply {
        let connection = HTTPConnection(try StreamSocket.connected(host: "127.0.0.1", port: port))
        let types = body == nil ? [] : ["Content-Type: application/json"]
        try connection.send(method, path, body: body, headers: types + ["Connection: close"])
        let reply = try connection.reply()
        try #require(reply.status == 200, "\(method) \(path): \(reply.text.prefix(500))")
        return reply
    }

    private func value<Value: Decodable>(
        _ type: Value.Type, _ method: String, _ path: String, _ body: String? = nil
    ) throws -> Value {
        try command(method, path, body).decoded(Wrapped<Value>.self).value
    }

    private func json(_ value: some Encodable) throws -> String {
        String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
    }

    private func element(_ selector: String) throws -> String {
        let found = try value(
            [String: String].self, "POST", "/session/\(session)/element",
            json(["using": "css selector", "value": selector]))
        return try #require(found.values.first)
    }

    // MARK: What a test does

    func open(_ address: String) throws {
        _ = try command("POST", "/session/\(session)/url", json(["url": address]))
    }

    func click(_ selector: String) throws {
        _ = try command("POST", "/session/\(session)/element/\(element(selector))/click", "{}")
    }

    func type(_ text: String, into selector: String) throws {
        _ = try command("POST", "/session/\(session)/element/\(element(selector))/value", json(["text": text]))
    }

    /// Presses keys, as at the keyboard: whatever has the focus gets them.
    func press(_ keys: String) throws {
        let actions = keys.map { #"{"type":"keyDown","value":"\#($0)"},{"type":"keyUp","value":"\#($0)"}"# }
        _ = try command(
            "POST", "/session/\(session)/actions",
            #"{"actions":[{"type":"key","id":"keyboard","actions":[\#(actions.joined(separator: ","))]}]}"#)
    }

    /// Presses a key while another one is held.
    func press(_ key: String, holding modifier: String) throws {
        let actions = [("keyDown", modifier), ("keyDown", key), ("keyUp", key), ("keyUp", modifier)]
            .map { #"{"type":"\#($0.0)","value":"\#($0.1)"}"# }
        _ = try command(
            "POST", "/session/\(session)/actions",
            #"{"actions":[{"type":"key","id":"keyboard","actions":[\#(actions.joined(separator: ","))]}]}"#)
    }

    /// The value of an expression of the page's.
    func evaluate<Value: Decodable>(_ type: Value.Type, _ expression: String) throws -> Value {
        try value(
            type, "POST", "/session/\(session)/execute/sync", json(Script(script: "return \(expression)")))
    }

    /// Waits until an expression is true.
    func wait(for expression: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let deadline = ContinuousClock.now.advanced(by: Self.patience)
        while try !evaluate(Bool.self, "Boolean(\(expression))") {
            guard ContinuousClock.now < deadline else {
                let text = try evaluate(String.self, "document.body.innerText")
                Issue.record("\(expression) did not come true:\n\(text)", sourceLocation: sourceLocation)
                throw Missing(expression: expression)
            }
            usleep(50_000)
        }
    }

    struct Missing: Error { var expression: String }

    /// What an element is for those who do not see it: its role and its name.
    func accessibility(_ selector: String) throws -> (role: String, label: String) {
        let path = "/session/\(session)/element/\(try element(selector))"
        return (
            try value(String.self, "GET", "\(path)/computedrole"),
            try value(String.self, "GET", "\(path)/computedlabel")
        )
    }

    /// Resizes the window, and has the page be light or dark.
    func look(width: Int, dark: Bool) throws {
        _ = try command("POST", "/session/\(session)/window/rect", #"{"width": \#(width), "height": 900}"#)
        _ = try command(
            "POST", "/session/\(session)/goog/cdp/execute",
            """
            {"cmd": "Emulation.setEmulatedMedia", "params": {"features": \
            [{"name": "prefers-color-scheme", "value": "\(dark ? "dark" : "light")"}]}}
            """)
        _ = try command(
            "POST", "/session/\(session)/goog/cdp/execute",
            """
            {"cmd": "Emulation.setDeviceMetricsOverride", "params": \
            {"width": \(width), "height": 900, "deviceScaleFactor": 1, "mobile": false}}
            """)
    }

    /// A picture of the window, as PNG.
    func screenshot() throws -> Data {
        let text = try value(String.self, "GET", "/session/\(session)/screenshot")
        return try #require(Data(base64Encoded: text))
    }

    /// What the window shows, or what it shows of an element, to which it is scrolled. It unpacks the picture itself,
    /// since it has to read PNG anyway.
    func picture(of selector: String? = nil) throws -> Picture {
        let place = try evaluate(
            [Int].self,
            """
            ((selector) => {
              if (!selector) return [0, 0, innerWidth, innerHeight];
              const element = document.querySelector(selector);
              element.scrollIntoView({ block: "center", behavior: "instant" });
              const { left, top, right, bottom } = element.getBoundingClientRect();
              return [Math.max(left, 0), Math.max(top, 0), Math.min(right, innerWidth), Math.min(bottom, innerHeight)]
                .map(Math.floor);
            })(\(json(selector)))
            """)
        let data = try evaluate(
            Data.self,
            """
            (async () => {
              const image = new Image();
              image.src = "data:image/png;base64,\(screenshot().base64EncodedString())";
              await image.decode();
              const canvas = document.createElement("canvas");
              [canvas.width, canvas.height] = [\(place[2] - place[0]), \(place[3] - place[1])];
              const context = canvas.getContext("2d");
              context.drawImage(image, -\(place[0]), -\(place[1]));
              const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
              let text = "";
              for (let start = 0; start < data.length; start += 8192) {
                text += String.fromCharCode(...data.subarray(start, start + 8192));
              }
              return btoa(text);
            })()
            """)
        return Picture(data)
    }
}
