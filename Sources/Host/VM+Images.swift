// What may be done to a hibernation without running the guest.

import Hibernation
import Machine

extension VM {
    /// Begins another generation: the next start boots clean.
    ///
    /// - Returns: its number.
    public func bump() throws(HostError) -> UInt64 {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        var state = try state()
        state.generation += 1
        try write(state)
        return state.generation
    }
}
