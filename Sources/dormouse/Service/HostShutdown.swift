// A run that no unit started hibernates when the host goes down, if that is asked for.
//
// Responsible for: having the service manager wait for it (`TransientScope`), and doing what the unit's ExecStop= would
// do when the manager's signal comes, or the terminal goes, which may be first. Not responsible for: starting the VM
// again.

import Glibc
import HostSupport
import KeptVMs
import Machine
import Synchronization

struct HostShutdown {
    let vm: VM

    /// Has the host's shutdown wait for this process, which has the VM.
    func beAwaited(_ session: Session) throws {
        let scope: UnitScope = geteuid() == 0 ? .system : .user
        guard Systemctl.reaches(scope) else { throw ServiceError.noShutdown }
        let configuration = try vm.configuration()
        let machine = try configuration.machine()
        let rules = configuration.host ?? VMConfiguration.Host()
        // Before the manager may send its signal, which it may do again.
        let isAsked = Mutex(false)
        session.whenHostGoesDown {
            let wasAsked = isAsked.withLock { isAsked in
                defer { isAsked = true }
                return isAsked
            }
            // A guest that did not react may be asked again: a terminal can go days before the host.
            if !wasAsked { hibernate(rules) { isAsked.withLock { $0 = false } } }
        }
        var place = TransientScope(vm: vm, process: getpid())
        place.rules = rules
        place.memoryByteCount = machine.memoryByteCount
        place.paths = machine.paths.filter { $0.hasPrefix("/") }
        try place.enter(scope)
        if scope == .user, let user = Systemctl.userWithoutLinger {
            Message.write(
                "VM \(vm.name) hibernates with your last logout, too, unless `loginctl enable-linger \(user)` was said")
        }
    }

    /// In a thread of its own: the guest is asked as from elsewhere, and the run ends meanwhile.
    private func hibernate(_ rules: VMConfiguration.Host, _ whenItGoesOn: @escaping @Sendable () -> Void) {
        let seconds = (try? rules.timeoutSeconds()) ?? UnitDropIn.unitTimeoutSeconds
        let escalation = Escalation(vm, timeoutSeconds: seconds, then: rules.then ?? UnitDropIn.unitRule)
        do {
            try HostThread.start {
                defer { whenItGoesOn() }
                Message.write("the host goes down, or the terminal is gone: VM \(vm.name) is to hibernate")
                do throws(HostError) {
                    _ = try escalation.hibernate(waking: false)
                } catch { Message.write(Command.words(error)) }
            }
        } catch {
            Message.write("\(error); VM \(vm.name) cannot be asked to hibernate")
            whenItGoesOn()
        }
    }
}
