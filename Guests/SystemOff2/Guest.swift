// CPU_ON and SYSTEM_OFF2 from the inside: what KVM's psci_test asserts, and what it leaves out (the SMC32 id, reserved
// types, versions before 1.3, several cores). DEN0022 F.b §5.1.4, §5.1.10 and §6.4.
//
// Reports in TAP and then ends the run. As a call that ends it is not seen to return, the command line says which call:
//
//   version=1.1     what PSCI_VERSION must say; without it, 1.3 or later
//   end=off2        SYSTEM_OFF2; off SYSTEM_OFF, reset SYSTEM_RESET, reset2 SYSTEM_RESET2. Without it, SYSTEM_OFF2
//   where
//                   it must be there and ends the run, SYSTEM_OFF elsewhere
//   type=0          the type of SYSTEM_OFF2 or SYSTEM_RESET2
//   cookie=0        the cookie of SYSTEM_RESET2
//   width=64        or 32
//   core=0          the core that makes the call
//   resumed=1       the machine takes SYSTEM_OFF2 but resumes the core: both types must be seen to fail, with
//                   INTERNAL_FAILURE, before the run ends
//
// If the call that ends the run returns, that is one more `not ok`, after the plan, and the guest powers off.

import PSCI

enum Guest {
    static func main(_ board: Board) {
        var tap = TAP()
        let version = VersionCheck(board, &tap)
        Refusals(firmware: board.firmware, version: version).check(&tap, core: 0)
        Cores(board: board).check(&tap)
        for core in board.secondaryCores {
            Refusals(firmware: board.firmware, version: version).check(&tap, core: core)
        }
        Ending(board: board, version: version).run(&tap)
    }

    static func secondaryMain(core: Int) {
        Worker.serve(core: core)
    }
}
