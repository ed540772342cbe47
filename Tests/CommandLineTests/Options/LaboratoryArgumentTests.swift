import Machine
import PSCI
import Testing

@testable import DormouseCommand

@Suite("The laboratory's rules about firmware")
struct LaboratoryArgumentTests {
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
}
