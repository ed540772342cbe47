// The state of a whole machine, from its list of components, its firmware and its CPUs.
//
// Responsible for: what has a state, by name, and the order of things. Not responsible for: RAM and disks, which
// whoever keeps a machine keeps beside this, nor for the counter's rate: a machine that is to go on is made with the
// counter that was saved (`MachineConfiguration.initialCounter`).

import Hypervisor
import Synchronization

/// The states of all parts of a machine at one moment, while no core of it ran.
struct SavedMachine: Codable, Hashable, Sendable {
    /// By the part's name.
    var parts: [String: DeviceState]
    /// The guest's counter.
    var counter: UInt64
    /// What the next boot finds, if the machine has such an id.
    var generationID: [UInt8]?
}

extension VirtualMachine {
    /// Everything that has a state, in the order in which states are put back: first what the others interrupt.
    var statefulParts: [(name: String, part: any StatefulDevice)] {
        var parts: [(name: String, part: any StatefulDevice)] = []
        for (component, made) in zip(configuration.components.all, components) {
            if let state = made.state { parts.append((component.name, state)) }
        }
        parts.append(("psci", power))
        for core in cores {
            parts.append(("core.\(core.index)", core))
            parts.append(("cpu.\(core.index)", core.cpu))
        }
        return parts
    }

    /// Takes the state of the machine, which goes on afterwards as if nothing had been.
    ///
    /// - Precondition: no core is executing.
    func saveState() throws(DeviceStateError) -> SavedMachine {
        let all = statefulParts
        for (_, part) in all { part.quiesce() }
        defer {
            for (_, part) in all { part.resume() }
        }
        var parts: [String: DeviceState] = [:]
        for (name, part) in all { parts[name] = try part.save() }
        return SavedMachine(parts: parts, counter: clock.counter, generationID: generationID.withLock(\.self))
    }

    /// Takes over the state of a machine of the same configuration, whose RAM is here already. When it throws, nothing
    /// has changed.
    ///
    /// - Precondition: no core is executing.
    func restoreState(_ saved: SavedMachine) throws(DeviceStateError) {
        let all = statefulParts
        for (name, _) in all where saved.parts[name] == nil { throw .missing(name) }
        let names = Set(all.map(\.name))
        for name in saved.parts.keys.sorted() where !names.contains(name) { throw .unexpected(name) }
        let isSameID = saved.generationID?.count == configuration.generationID?.count
        try DeviceStateError.check(isSameID, "generationID")

        for (_, part) in all { part.quiesce() }
        defer {
            for (_, part) in all { part.resume() }
        }
        var before: [(part: any StatefulDevice, state: DeviceState)] = []
        do throws(DeviceStateError) {
            for (name, part) in all {
                guard let state = saved.parts[name] else { throw .missing(name) }
                let old = try part.save()
                try DeviceStateError.below(name) { () throws(DeviceStateError) in try part.restore(state) }
                before.append((part, old))
            }
        } catch {
            // What a part has saved itself it takes back.
            for (part, state) in before { try? part.restore(state) }
            throw error
        }
        generationID.withLock { $0 = saved.generationID }
    }
}
