// A client of QMP that we did not write: PyPI's `qemu.qmp`, which QEMU's own tests use, as scripts/setup leaves it.

import Foundation
import Testing

/// PyPI's `qemu.qmp`.
public enum PythonQMP {
    /// Where scripts/setup puts Python's packages.
    public static let packages: String = {
        let environment = ProcessInfo.processInfo.environment
        let caches = environment["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache"
        return (environment["DORMOUSE_CACHE"] ?? caches + "/dormouse") + "/python"
    }()

    public static let isThere = FileManager.default.isReadableFile(atPath: packages + "/qemu/qmp/__init__.py")
    public static let whyNot: Comment = "PyPI's qemu.qmp is not installed: run scripts/setup"

    /// The environment in which Python finds it.
    public static let environment = ["PYTHONPATH": packages]

    /// The arguments of python3 for a conversation. What it sees and is answered is printed, a line each: `return
    /// VALUE`, `error CLASS`, `event NAME DATA`.
    ///
    /// - Parameters:
    ///   - address: a socket, or HOST:PORT; it may come to be only later.
    ///   - actions: commands, each with its arguments in JSON behind it; `+EVENT`, which waits for one; `.`, which
    ///     waits for the end of the connection.
    public static func arguments(_ address: String, _ actions: [String]) -> [String] {
        ["-c", script, address] + actions
    }

    private static let script = """
        import asyncio, json, sys
        from qemu.qmp import QMPClient, ExecuteError

        async def converse(address, actions):
            host, _, port = address.rpartition(":")
            client = QMPClient("test")
            for attempt in range(1200):
                try:
                    await client.connect((host, int(port)) if host else address)
                    break
                except Exception:
                    if attempt == 1199:
                        raise
                    await asyncio.sleep(0.1)
            seen = []

            async def listen():
                with client.listener() as events:
                    async for event in events:
                        assert event["timestamp"]["seconds"] > 1600000000
                        print("event", event["event"], json.dumps(event.get("data", {}), sort_keys=True))
                        seen.append(event["event"])

            listening = asyncio.create_task(listen())
            await asyncio.sleep(0)
            for action in actions:
                if action.startswith("+"):
                    while action[1:] not in seen:
                        await asyncio.sleep(0.02)
                    seen.remove(action[1:])
                elif action == ".":
                    while client.runstate.name == "RUNNING":
                        await asyncio.sleep(0.02)
                    # What has come before the end is still told.
                    await asyncio.sleep(0.1)
                else:
                    name, _, arguments = action.partition(" ")
                    try:
                        value = await client.execute(name, json.loads(arguments) if arguments else None)
                        await asyncio.sleep(0.05)
                        print("return", json.dumps(value, sort_keys=True))
                    except ExecuteError as error:
                        print("error", error.error_class)
            try:
                await client.disconnect()
            except Exception:
                pass
            listening.cancel()

        asyncio.run(asyncio.wait_for(converse(sys.argv[1], sys.argv[2:]), 900))
        """
}
