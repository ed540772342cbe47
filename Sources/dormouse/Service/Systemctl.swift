// systemctl(1), which tells a service manager that runs.

import Glibc

enum Systemctl {
    /// Whether there is a manager to be told: sd_booted(3) for the host's, and the runtime directory for a user's.
    static func reaches(_ scope: UnitScope) -> Bool {
        switch scope {
        case .system: access("/run/systemd/system", F_OK) == 0
        case .user:
            getenv("XDG_RUNTIME_DIR").map { access("\(String(cString: $0))/systemd/private", F_OK) == 0 } ?? false
        }
    }

    /// The user, if the manager of theirs does not start with the host and ends with the last logout.
    static var userWithoutLinger: String? {
        guard let entry = getpwuid(geteuid()), let name = entry.pointee.pw_name else { return nil }
        let user = String(cString: name)
        return access("/var/lib/systemd/linger/\(user)", F_OK) == 0 ? nil : user
    }

    /// Runs it, and waits for its end. What it says goes to standard error.
    static func run(_ scope: UnitScope, _ arguments: [String]) throws(ServiceError) {
        let words = (scope == .user ? ["--user"] : []) + arguments
        var argv: [UnsafeMutablePointer<CChar>?] = (["systemctl"] + words).map { strdup($0) } + [nil]
        // What it finds its manager by, and how it says what is wrong.
        let names = ["PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"]
        var environment: [UnsafeMutablePointer<CChar>?] =
            names.compactMap { name in getenv(name).map { strdup("\(name)=\(String(cString: $0))") } } + [nil]
        defer { for word in argv + environment { free(word) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
        var process = pid_t()
        let code = posix_spawnp(&process, "systemctl", &actions, nil, &argv, &environment)
        guard code == 0 else { throw .systemctl(arguments: words, reason: String(cString: strerror(code))) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw .systemctl(arguments: words, reason: String(cString: strerror(errno))) }
        }
        guard status == 0 else {
            // wait(2): the low seven bits are a signal's number, the next eight the exit code.
            let signal = status & 0x7F
            throw .systemctl(
                arguments: words, reason: signal == 0 ? "exit code \(status >> 8 & 0xFF)" : "signal \(signal)")
        }
    }
}
