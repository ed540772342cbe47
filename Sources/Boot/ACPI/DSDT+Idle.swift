// Low-power idle states: _LPI, ACPI 6.5, section 8.4.3.3, with entry methods of Arm's "ACPI for the Arm Architecture:
// Functional Fixed Hardware Specification" (DEN0048), section 3.
//
// Responsible for: the list that all CPUs share. The states of clusters and of the system are further states of every
// CPU, as firmware coordinates them: with ACPI, Linux does not.

import Hypervisor

extension DSDT {
    /// What the list is called, and what every CPU returns.
    private static let listName = "IDLE"

    /// A state of the list.
    private struct State {
        var minimumResidency: UInt32
        /// Until it runs again, at worst.
        var wakeLatency: UInt32
        var losesContext: Bool
        /// The power_state for CPU_SUSPEND.
        var parameter: UInt32
        var name: String

        /// WFI, which has to be the first and has a parameter of its own.
        static let waitForInterrupt = State(
            minimumResidency: 1, wakeLatency: 1, losesContext: false, parameter: .max, name: "WFI")
    }

    /// What \_SB._OSC is about (section 6.2.11.2): platform-wide capabilities, by UUID.
    private enum Capabilities {
        static let uuid = EFIGUID(0x0811_B06E, 0x4A27, 0x44F9, [0x8D, 0x60, 0x3C, 0xBB, 0xC2, 0x2E, 0x7B, 0x48]).bytes
        /// Low-power idle states, coordinated by the platform.
        static let platformCoordinatedIdle: UInt64 = 1 << 7
        /// In the first word of what is returned.
        static let unknownUUID: UInt64 = 1 << 2
        static let masked: UInt64 = 1 << 4
    }

    /// _OSC: of what the guest offers to use, it is granted idle states. Without that Linux does not look at _LPI.
    static var capabilities: AML {
        let (status, support) = (AML.object("STAT"), AML.object("SUPP"))
        let granted = AML.local(0)
        return .method(
            "_OSC", arguments: 4,
            [
                .field("STAT", of: .argument(3), at: 0, .doubleWord),
                .field("SUPP", of: .argument(3), at: 4, .doubleWord),
                .when(
                    .isEqual(.argument(0), .buffer(Capabilities.uuid)),
                    [
                        .store(.and(support, .integer(Capabilities.platformCoordinatedIdle)), in: granted),
                        .when(
                            .isLess(granted, than: support),
                            [.store(.or(status, .integer(Capabilities.masked)), in: status)]),
                        .store(granted, in: support),
                    ]),
                .otherwise([.store(.or(status, .integer(Capabilities.unknownUUID)), in: status)]),
                .result(.argument(3)),
            ])
    }

    /// The list; nil if there is nothing but WFI, which nobody has to be told of.
    static func idleStates(_ idle: BoardDescription.Idle?) -> AML? {
        guard let idle else { return nil }
        let states = (idle.cpuStates + idle.clusterStates + idle.systemStates).map { state in
            State(
                minimumResidency: state.minimumResidency, wakeLatency: state.entryLatency &+ state.exitLatency,
                losesContext: state.losesContext, parameter: state.suspendParameter, name: state.name)
        }
        let all = [.waitForInterrupt] + states
        let revision = AML.integer(0)
        let level = AML.integer(0)
        return .name(listName, .package([revision, level, .integer(UInt64(all.count))] + all.map(package)))
    }

    /// _LPI of a CPU.
    static var idleStatesOfCPU: AML { .method("_LPI", [.result(.object(listName))]) }

    private static func package(_ state: State) -> AML {
        let enabled = AML.integer(1)
        let coreContextLost: UInt64 = 1
        let nothing = AML.integer(0)
        return .package([
            .integer(UInt64(state.minimumResidency)), .integer(UInt64(state.wakeLatency)), enabled,
            .integer(state.losesContext ? coreContextLost : 0),
            // No frequency of counters, no state of a parent.
            nothing, nothing,
            .resourceTemplate(.fixedHardware(UInt64(state.parameter))),
            // Neither residency nor usage is counted for the guest here: PSCI does that.
            .resourceTemplate(.noRegister), .resourceTemplate(.noRegister), .string(state.name),
        ])
    }
}
