// Kernels in ELF files and unified kernel images, as a machine takes them apart. What is in the files is Guests/build's,
// by LLVM's linker and objcopy.

import Boot
import Foundation
import Hypervisor
import TestSupport
import Testing

@testable import Machine

@Suite("What is in a kernel's file")
struct KernelContentTests {
    private static let guests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Guests/.build")
    private static let areBuilt = FileManager.default.isReadableFile(
        atPath: guests.appending(path: "Conformance.elf").path)

    private func machine(_ kernel: URL) -> MachineConfiguration {
        var machine = MachineConfiguration(kernel: kernel.path)
        machine.memoryByteCount = 64 << 20
        return machine
    }

    @Test(
        "An ELF file is loaded to what objcopy makes of it, where its linker put it",
        .needs(areBuilt, "the bare-metal guests are not built: run Guests/build"),
        arguments: ["Conformance", "Idle", "SystemOff2"])
    func program(name: String) throws {
        let configuration = machine(Self.guests.appending(path: "\(name).elf"))
        let image = try GuestImage(configuration)
        #expect(image.isFlat)
        let plan = try image.plan(configuration.model.board(configuration, chosen: .init()))
        let memory = try GuestMemory(ram: [configuration.ram], rom: [])
        try image.load(plan, into: memory)
        let expected = try [UInt8](Data(contentsOf: Self.guests.appending(path: "\(name).bin")))
        #expect(plan.entry == 0x4008_0000)
        let placed = try #require(plan.placements.first { $0.content == .kernel }).range
        #expect(placed.lowerBound == plan.entry && placed.count <= expected.count)
        #expect(memory.read(at: plan.entry, count: expected.count) == expected)
        // A digest of the file itself, so that a copy of it starts the same guest.
        #expect(image.kernel?.path == configuration.kernel)
    }

    @Test("An ELF file that is cut, or too large for the memory, is an error that names it")
    func refused() throws {
        try #require(Self.areBuilt)
        let bytes = try [UInt8](Data(contentsOf: Self.guests.appending(path: "Conformance.elf")))
        for count in [16, 63, 64, 200, 70_000] {
            let file = try TemporaryFile(Array(bytes.prefix(count)))
            #expect(throws: MachineError.self) { try GuestImage(machine(URL(filePath: file.path))) }
        }
        var small = machine(Self.guests.appending(path: "Conformance.elf"))
        small.memoryByteCount = 0
        #expect(throws: MachineError.self) { try GuestImage(small) }
        var linux = machine(Self.guests.appending(path: "Conformance.elf"))
        linux.kernelFormat = .linux
        #expect(throws: MachineError.self) { try GuestImage(linux) }
        linux.kernelFormat = .flat
        #expect(try GuestImage(linux).isFlat)
    }

    @Test("Files of any kind that are changed at random are guests or errors")
    func random() throws {
        try #require(Self.areBuilt)
        let bytes = try [UInt8](Data(contentsOf: Self.guests.appending(path: "Idle.elf")))
        for _ in 0..<200 {
            var changed = bytes
            for _ in 0..<4 { changed[Int.random(in: 0..<300)] = .random(in: 0...255) }
            let file = try TemporaryFile(changed)
            let configuration = machine(URL(filePath: file.path))
            guard let image = try? GuestImage(configuration) else { continue }
            guard let plan = try? image.plan(configuration.model.board(configuration, chosen: .init())) else {
                continue
            }
            let memory = try GuestMemory(ram: [configuration.ram], rom: [])
            try image.load(plan, into: memory)
        }
    }
}
