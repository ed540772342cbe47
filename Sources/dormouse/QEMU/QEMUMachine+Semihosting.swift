// What a bare-metal program may ask of its host: `-semihosting` and `-semihosting-config`.

import Machine

extension QEMUMachine {
    mutating func takeSemihosting(_ value: String) throws(QEMUError) {
        var list = try QEMUList(value, of: "semihosting-config", implied: "enable")
        let isOn = try list.takeSwitch("enable") ?? true
        try list.ignore("target", "native", "auto")
        let arguments = list.takeAll("arg")
        if try list.takeSwitch("userspace") == true {
            throw QEMUError("semihosting-config", "userspace=on is not to be had: calls are taken from EL1 alone")
        }
        try list.finish()
        machine.semihosting = isOn ? SemihostingConfiguration(arguments: arguments) : nil
    }
}
