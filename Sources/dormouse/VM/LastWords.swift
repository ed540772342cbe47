// What the process of a detached VM says of a fault of its own: it can write to its standard error, and to nothing
// else.
//
// Responsible for: a file for that, and that its words come into the VM's log when the VM is started again.

import Glibc
import KeptVMs

struct LastWords {
    private static let byteLimit = 1 << 20

    private let path: String

    init(_ vm: VM) {
        path = "\(vm.path)/stderr"
    }

    /// Makes the file this process's standard error. Nothing is to be said there but by a handler of faults.
    func takeStandardError() {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        let target = descriptor >= 0 ? descriptor : open("/dev/null", O_WRONLY | O_CLOEXEC)
        guard target >= 0 else { return }
        dup2(target, STDERR_FILENO)
        close(target)
    }

    /// Moves what an earlier process said to the log.
    func move(to log: VMLog) {
        guard let bytes = try? VM.read(path, limit: Self.byteLimit), !bytes.isEmpty else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            log.say("the process before this one said: \(line)")
        }
        truncate(path, 0)
    }
}
