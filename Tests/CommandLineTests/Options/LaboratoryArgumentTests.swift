import Devices
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

    @Test("A rule for flash says which write, and how much of it is left")
    func flash() throws {
        #expect(try laboratory("flash.write#9=cut").flash == FlashFault(write: 9))
        #expect(try laboratory("flash.write#1=tear:3").flash == FlashFault(write: 1, byteCount: 3))
        var all = try laboratory("flash.write#2=cut")
        all.add(try laboratory("CPU_ON=DENIED"))
        #expect(all.flash == FlashFault(write: 2))
    }

    @Test(
        "A wrong rule is refused",
        arguments: [
            "CPU_ON", "CPU_OOF=DENIED", "CPU_ON#0=DENIED", "CPU_ON#x=DENIED", "CPU_ON=SORRY", "CPU_ON=delay:",
            "CPU_ON=delay:3600001", "withhold=0", "withhold=", "withhold=1,x", "=DENIED", "",
            "flash=cut", "flash.write=cut", "flash.write#0=cut", "flash.write#1=EIO", "flash.write#1=tear:",
            "flash.write#1=tear:-1", "flash.read#1=cut", "flash.write#x=cut",
        ])
    func wrongRules(argument: String) {
        #expect(throws: LaboratoryArgumentError.self) { try laboratory(argument) }
    }
}
