import Devices
import Machine
import Testing

@testable import DormouseCommand

@Suite("The laboratory's rules about disks")
struct DiskLaboratoryArgumentTests {
    private func laboratory(_ arguments: String...) throws -> Laboratory {
        var all = Laboratory()
        for argument in arguments {
            // As the command line does: each by itself.
            var laboratory = Laboratory()
            try laboratory.add(argument: argument)
            all.add(laboratory)
        }
        return all
    }

    @Test("A rule names a disk, a request and what becomes of it")
    func rules() throws {
        let laboratory = try laboratory(
            "disk0.write#120=cut", "disk0.write#7=tear:3", "disk0.flush#4=cut", "disk1.write#9=EIO",
            "disk1.read#1=ENOSPC",
            "disk0.unflushed=reorder:18446744073709551615", "disk1.write#3=short:0", "disk12.unflushed=keep",
            "disks.record=/tmp/a=b")
        #expect(
            laboratory.disks == [
                0: DiskFaults(
                    rules: [.init(.write, 120, .cut), .init(.write, 7, .tear(sectors: 3)), .init(.flush, 4, .cut)],
                    unflushed: .reorder(seed: .max)),
                1: DiskFaults(
                    rules: [
                        .init(.write, 9, .fail(.inputOutput)), .init(.read, 1, .fail(.noSpace)),
                        .init(.write, 3, .short(sectors: 0)),
                    ]),
                12: DiskFaults(unflushed: .keep),
            ])
        #expect(laboratory.diskLog == "/tmp/a=b")
        #expect(try self.laboratory("disk0.unflushed=lose").disks == [0: DiskFaults(unflushed: .lose)])
    }

    @Test(
        "What is no rule is refused",
        arguments: [
            "disk=cut", "disk0=cut", "disk.write#1=cut", "disk-1.write#1=cut", "diskA.write#1=cut", "disk0.write=cut",
            "disk0.write#0=cut", "disk0.write#x=cut", "disk0.write#1=", "disk0.write#1=tear", "disk0.write#1=tear:-1",
            "disk0.read#1=tear:1", "disk0.flush#1=short:1", "disk0.trim#1=cut", "disk0.write#1=EPERM",
            "disk0.unflushed=",
            "disk0.unflushed=reorder", "disk0.unflushed=reorder:x", "disks.record=", "disk0.record=a", "disks=a",
            "disk0.write#1=tear:18446744073709551615",
        ])
    func refused(argument: String) {
        #expect(throws: LaboratoryArgumentError.self) { try laboratory(argument) }
    }

    @Test("A rule for a disk that is not there is the user's error")
    func noSuchDisk() throws {
        var configuration = MachineConfiguration(kernel: "unread")
        configuration.laboratory = try laboratory("disk0.write#1=cut")
        let error = #expect(throws: MachineError.self) { try VirtualMachine.check(configuration) }
        #expect(error?.isHosts == false)
        #expect(error?.description.contains("disk 0") == true)
    }
}
