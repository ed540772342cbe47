import Firmware
import PSCI
import Testing

@testable import Machine

@Suite("--psci and --lab")
struct PSCISettingsTests {
    @Test("Settings are separated by commas, and a word alone goes on with the list before it")
    func settings() throws {
        let settings = try PSCISettings(
            argument: "enable=MIGRATE_INFO_TYPE,disable=SYSTEM_OFF2,CPU_FREEZE,states=core-retention,core-power-down,"
                + "format=extended,cores-per-cluster=4,trusted-os=fixed")
        #expect(settings.enabled == Capabilities(.migrateInfoType))
        #expect(settings.disabled == Capabilities(.systemOff2).union(Capabilities(.cpuFreeze)))
        #expect(settings.idleStates == [.coreRetention, .corePowerDown])
        #expect(settings.powerStateFormat == .extendedStateID)
        #expect(settings.coresPerCluster == 4)
        #expect(settings.trustedOS == .fixed)
        let policy = Policy(settings, over: .virt1, conduit: .smc)
        #expect(!policy.capabilities.contains(.systemOff2))
        #expect(policy.capabilities.contains(.migrate))
        #expect(policy.idleStates == [.coreStandby, .coreRetention, .corePowerDown])
        #expect(policy.conduit == .smc)
        #expect(try PSCISettings(argument: "states=none").idleStates == [])
    }

    @Test(
        "A wrong setting is refused, and the text says what would be right",
        arguments: [
            ("enable=CPU_OOF", "CPU_OOF is no function"), ("disable=CPU_ON", "CPU_ON is mandatory"),
            ("CPU_ON", "CPU_ON is no setting"), ("", "is no setting"), ("speed=1", "speed is no setting"),
            ("format=new", "say original, extended"), ("cores-per-cluster=17", "give 1 to 16"),
            ("cores-per-cluster=x", "give 1 to 16"), ("trusted-os=yes", "say none, migratable, fixed"),
            ("states=nap", "say core-standby"),
        ])
    func wrong(argument: String, text: String) {
        let error = #expect(throws: PSCISettingsError.self) { try PSCISettings(argument: argument) }
        #expect(error?.description.contains(text) == true)
    }

    private func laboratory(_ arguments: String...) throws -> Laboratory {
        var laboratory = Laboratory()
        for argument in arguments { try laboratory.add(argument: argument) }
        return laboratory
    }

    @Test("Rules of the laboratory name a function, an occasion and what happens")
    func rules() throws {
        #expect(
            try laboratory("SYSTEM_OFF2=NOT_SUPPORTED", "CPU_ON#2=delay:100", "SYSTEM_OFF2=resume", "withhold=1,3")
                == Laboratory(
                    rules: [
                        .init(.systemOff2, .every, .fail(.notSupported)),
                        .init(.cpuOn, .nth(2), .delay(milliseconds: 100)),
                        .init(.systemOff2, .every, .resume),
                    ], withheldCores: [1, 3]))
    }

    @Test(
        "A wrong rule is refused",
        arguments: [
            "CPU_ON", "CPU_OOF=DENIED", "CPU_ON#0=DENIED", "CPU_ON#x=DENIED", "CPU_ON=SORRY", "CPU_ON=delay:",
            "CPU_ON=delay:3600001", "withhold=0", "withhold=", "withhold=1,x", "=DENIED", "",
        ])
    func wrongRules(argument: String) {
        #expect(throws: LaboratoryArgumentError.self) { try laboratory(argument) }
    }

    @Test("A rule is for its own function and occasion; delays add up, and the first error counts")
    func interventions() throws {
        let run = LaboratoryRun(
            try laboratory(
                "CPU_ON#2=DENIED", "CPU_ON=delay:3", "CPU_ON=delay:4", "CPU_ON#2=INTERNAL_FAILURE", "SYSTEM_OFF=resume")
        )
        func intervention(_ function: Function, _ width: CallWidth) -> LaboratoryRun.Intervention? {
            run.intervention(in: CallRegisters(function, width))
        }
        #expect(intervention(.cpuOff, .smc32) == nil)
        let first = intervention(.cpuOn, .smc64)
        #expect(first?.delayMilliseconds == 7)
        #expect(first?.failure == nil)
        #expect(first?.resumes == false)
        // Both widths count together.
        #expect(intervention(.cpuOn, .smc32)?.failure == .denied)
        #expect(intervention(.cpuOn, .smc64)?.failure == nil)
        #expect(intervention(.systemOff, .smc32)?.resumes == true)
        #expect(LaboratoryRun(.idle).intervention(in: CallRegisters(.cpuOn, .smc64)) == nil)
    }

    @Test("A call that is not carried out returns its code as wide as it is, and nothing else")
    func failing() {
        let passed = CallRegisters(.systemOff2, .smc64, 1, 2, 3)
        let wide = CallResult(failing: passed, with: .notSupported)
        #expect(wide == CallResult(registers: CallRegisters(x0: ~0, x1: 1, x2: 2, x3: 3)))
        let narrow = CallResult(failing: CallRegisters(.systemOff2, .smc32), with: .denied)
        #expect(narrow.registers.x0 == 0xFFFF_FFFD)
    }

    // MARK: Traces

    @Test("A trace has a call in one line, as text and as JSON")
    func trace() {
        let event = FirmwareCallEvent(
            core: 2, time: 12_034_567_890, registers: CallRegisters(.affinityInfo, .smc64, 1, 0),
            result: CallResult(registers: CallRegisters(x0: 1)))
        #expect(
            event.text
                == "12.034567 core 2: SMC64 AFFINITY_INFO(target_affinity 0x1, lowest_affinity_level 0) = OFF")
        #expect(
            event.json == """
                {"arguments":["target_affinity 0x1","lowest_affinity_level 0"],"core":2,"function":"AFFINITY_INFO",\
                "functionID":"0xc4000004","outcome":"OFF","time":12.03456789,"width":"SMC64","x0":"0x1"}
                """)
    }

    // MARK: Conformance

    @Test("A line of the conformance guest names a width and a function")
    func conformanceLines() throws {
        let line = try #require(ConformanceLine("not ok 17 - SMC64 CPU_ON: core 1: is ON # returned DENIED"))
        #expect(!line.isPassed)
        #expect(line.width == .smc64)
        #expect(line.function == .cpuOn)
        #expect(line.text == "core 1: is ON # returned DENIED")
        let skipped = try #require(ConformanceLine("ok 3 - SMC32 CPU_OFF: turns a core off # SKIP there is one core"))
        #expect(skipped.isSkipped && skipped.isPassed)
        for text in ["1..17", "# PSCI 1.3", "ok 1", "ok 1 - something", "ok 1 - SMC64 NOTHING: x", "", "okay"] {
            #expect(ConformanceLine(Substring(text)) == nil)
        }
    }

    @Test("The table counts checks by function, version and width, and knows what was not checked")
    func conformanceTable() {
        var table = ConformanceTable()
        table.add(
            [
                ConformanceLine(true, .smc32, .cpuOff, "a"), ConformanceLine(true, .smc32, .cpuOff, "b"),
                ConformanceLine(false, .smc64, .cpuOff, "c"),
            ], version: .v1_0)
        #expect(table.count == 3)
        #expect(table.failureCount == 1)
        #expect(table.gaps.count == 22 * 2 - 2)
        #expect(!table.gaps.contains("SMC32 CPU_OFF at 1.0"))
        #expect(
            table.text == """
                         1.0 SMC32  1.0 SMC64
                CPU_OFF          2     1 FAIL
                """)
    }

    // MARK: Idle states

    @Test("Idle states are described with the power_state that asks for them")
    func idleStates() throws {
        var configuration = MachineConfiguration(kernel: "unread")
        configuration.cpuCount = 3
        configuration.psci = .virt1("cores-per-cluster=2")
        let idle = try #require(configuration.idleDescription)
        #expect(idle.clusters == [0, 0, 1])
        #expect(idle.hasDomains)
        #expect(idle.cpuStates.map(\.suspendParameter) == [0x1_0003])
        // Last in level 1, as OS-initiated mode wants it.
        #expect(idle.clusterStates.map(\.suspendParameter) == [0x0101_1033])

        configuration.psci = .virt1(
            without: Capabilities(.psciSetSuspendMode),
            "format=extended,states=" + IdleStates.arguments.map(\.name).joined(separator: ","))
        let flat = try #require(configuration.idleDescription)
        #expect(!flat.hasDomains)
        #expect(flat.cpuStates.map(\.suspendParameter) == [0x2, 0x4000_0003])
        #expect(flat.clusterStates.map(\.suspendParameter) == [0x4000_0023, 0x4000_0033])
        #expect(flat.systemStates.map(\.suspendParameter) == [0x4000_0233, 0x4000_0333])

        configuration.psci = .virt1("states=none")
        #expect(configuration.idleDescription == nil)
    }

    @Test("A hidden core is not described before 1.2, and is from then on")
    func hiddenCores() {
        var configuration = MachineConfiguration(kernel: "unread")
        configuration.cpuCount = 3
        configuration.laboratory.withheldCores = [1]
        configuration.psci = .virt1(version: .v1_1)
        #expect(configuration.describedCores == [0, 2])
        configuration.psci = .virt1(version: .v1_2)
        #expect(configuration.describedCores == [0, 1, 2])
    }
}
