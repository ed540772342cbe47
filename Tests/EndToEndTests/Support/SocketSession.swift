// A client of a socket that a run listens at, such as its serial port.

import Foundation

enum SocketSession {
    /// Connects, once somebody listens, and does what `actions` say: `>TEXT` sends, `<TEXT` waits for it.
    ///
    /// - Returns: all that came, with plain line ends.
    @discardableResult
    static func run(_ path: String, _ actions: [String]) throws -> String {
        let output = try Command.tool("python3", ["-c", script, path] + actions)
        return String(decoding: output.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    }

    private static let script = """
        import socket, sys, time
        s = socket.socket(socket.AF_UNIX); s.settimeout(300)
        for attempt in range(3000):
            try:
                s.connect(sys.argv[1]); break
            except OSError:
                time.sleep(0.1)
        got = b""
        for action in sys.argv[2:]:
            text = action[1:].encode()
            if action[0] == ">":
                s.sendall(text)
                continue
            while text not in got:
                piece = s.recv(4096)
                if not piece: sys.exit("the end came before " + action[1:])
                got += piece
                sys.stdout.buffer.write(piece)
            got = got[got.index(text) + len(text):]
        """
}
