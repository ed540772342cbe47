// What the assembler writes, read by a disassembler that is not ours: objdump, from GNU binutils.

#if arch(x86_64)

import Foundation
import Testing

@testable import Emulator

@Suite("The assembler for x86-64") struct AssemblerTests {
    /// One instruction, and what it is in Intel's syntax.
    struct Line: Sendable {
        let text: String
        let emit: @Sendable (inout Assembler) -> Void

        init(_ text: String, _ emit: @escaping @Sendable (inout Assembler) -> Void) {
            self.text = text
            self.emit = emit
        }
    }

    /// What objdump makes of the bytes that `lines` write, an instruction for each, without the spaces that it adds.
    private static func disassembled(_ lines: [Line]) throws -> [String] {
        let room = UnsafeMutableRawPointer.allocate(byteCount: lines.count * 32, alignment: 16)
        defer { room.deallocate() }
        var assembler = Assembler(at: room)
        var starts: [Int] = []
        for line in lines {
            starts.append(assembler.cursor - room)
            line.emit(&assembler)
        }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("dormouse-\(UUID().uuidString).bin")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(bytes: room, count: assembler.cursor - room).write(to: file)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn", file.path,
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "objdump is in Debian's package binutils")
        // "  1f:  mov    rax,rbx"; each instruction is to begin where ours began.
        var found: [Int: String] = [:]
        for row in text.split(separator: "\n") {
            let parts = row.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let offset = Int(parts[0].trimmingCharacters(in: .whitespaces), radix: 16) else {
                continue
            }
            let words = parts[1].split(separator: "#")[0].split(whereSeparator: { $0 == " " || $0 == "\t" })
            found[offset] = words.joined(separator: " ")
        }
        #expect(found.count == lines.count, "instructions are not as long as their disassembly")
        return starts.map { found[$0] ?? "nothing" }
    }

    private static func check(_ lines: [Line]) throws {
        for (line, found) in zip(lines, try disassembled(lines)) { #expect(found == line.text) }
    }

    @Test("Moves, loads and stores, of every size and with every form of an address")
    func moves() throws {
        try Self.check([
            Line("mov rax,rbx") { $0.move(.rax, .rbx) },
            Line("mov r9d,r14d") { $0.move(.r9, .r14, wide: false) },
            Line("mov rcx,QWORD PTR [rbx]") { $0.move(.rcx, .memory(.rbx)) },
            Line("mov rcx,QWORD PTR [rbp+0x0]") { $0.move(.rcx, .memory(.rbp)) },
            Line("mov rcx,QWORD PTR [r13+0x0]") { $0.move(.rcx, .memory(.r13)) },
            Line("mov rcx,QWORD PTR [rsp]") { $0.move(.rcx, .memory(.rsp)) },
            Line("mov rcx,QWORD PTR [r12+0x7f]") { $0.move(.rcx, .memory(.r12, 127)) },
            Line("mov rcx,QWORD PTR [rdi-0x80]") { $0.move(.rcx, .memory(.rdi, -128)) },
            Line("mov rcx,QWORD PTR [rdi+0x80]") { $0.move(.rcx, .memory(.rdi, 128)) },
            Line("mov r10d,DWORD PTR [rdi-0x1000]") { $0.move(.r10, .memory(.rdi, -0x1000), wide: false) },
            Line("mov rdx,QWORD PTR [rax+r9*8+0x10]") { $0.move(.rdx, .indexed(.rax, .r9, 16, scale: 3)) },
            Line("mov rdx,QWORD PTR [r13+rcx*1+0x0]") { $0.move(.rdx, .indexed(.r13, .rcx)) },
            Line("mov BYTE PTR [rax],sil") { $0.store(.rsi, .memory(.rax), size: 1) },
            Line("mov BYTE PTR [rax],cl") { $0.store(.rcx, .memory(.rax), size: 1) },
            Line("mov WORD PTR [rax],r8w") { $0.store(.r8, .memory(.rax), size: 2) },
            Line("mov DWORD PTR [r11],eax") { $0.store(.rax, .memory(.r11), size: 4) },
            Line("mov QWORD PTR [rbx+0x8],r15") { $0.store(.r15, .memory(.rbx, 8)) },
            Line("movzx eax,BYTE PTR [rdx]") { $0.load(.rax, .memory(.rdx), size: 1) },
            Line("movzx eax,dil") { $0.load(.rax, .register(.rdi), size: 1) },
            Line("movzx r8d,WORD PTR [rdx]") { $0.load(.r8, .memory(.rdx), size: 2) },
            Line("mov r8d,DWORD PTR [rdx]") { $0.load(.r8, .memory(.rdx), size: 4) },
            Line("movsx rax,BYTE PTR [rdx]") { $0.loadSigned(.rax, .memory(.rdx), size: 1, wide: true) },
            Line("movsx eax,BYTE PTR [rdx]") { $0.loadSigned(.rax, .memory(.rdx), size: 1, wide: false) },
            Line("movsx r9,WORD PTR [rdx]") { $0.loadSigned(.r9, .memory(.rdx), size: 2, wide: true) },
            Line("movsxd r9,DWORD PTR [rdx]") { $0.loadSigned(.r9, .memory(.rdx), size: 4, wide: true) },
            Line("mov eax,0x0") { $0.move(.rax, constant: 0) },
            Line("mov r12d,0xffffffff") { $0.move(.r12, constant: 0xFFFF_FFFF) },
            Line("mov r12,0xffffffff80000000") { $0.move(.r12, constant: 0xFFFF_FFFF_8000_0000) },
            Line("movabs rax,0x123456789abcdef0") { $0.move(.rax, constant: 0x1234_5678_9ABC_DEF0) },
            Line("movabs r9,0x100000000") { $0.move(.r9, constant: 1 << 32) },
            Line("mov DWORD PTR [rbx],0x12") { $0.store(constant: 0x12, .memory(.rbx), wide: false) },
            Line("mov QWORD PTR [rbx],0xffffffffffffffff") { $0.store(constant: -1, .memory(.rbx), wide: true) },
            Line("lea rcx,[rax+rax*1]") { $0.loadAddress(.rcx, .indexed(.rax, .rax)) },
            Line("lea r8d,[rsi+0x1]") { $0.loadAddress(.r8, .memory(.rsi, 1), wide: false) },
            Line("cmovge r8,QWORD PTR [rbx]") { $0.move(.r8, .memory(.rbx), if: .ge, wide: true) },
            Line("push r12") { $0.push(.r12) },
            Line("pop rbx") { $0.pop(.rbx) },
        ])
    }

    @Test("Arithmetic, shifts, bits and multiplication")
    func arithmetic() throws {
        let names: [HostArithmetic: String] = [
            .add: "add", .or: "or", .adc: "adc", .sbb: "sbb", .and: "and", .sub: "sub", .xor: "xor", .cmp: "cmp",
        ]
        var lines: [Line] = []
        for (operation, name) in names {
            lines += [
                Line("\(name) rdx,r10") { $0.arithmetic(operation, .rdx, .register(.r10)) },
                Line("\(name) edx,DWORD PTR [rbx+0x4]") {
                    $0.arithmetic(operation, .rdx, .memory(.rbx, 4), wide: false)
                },
                Line("\(name) QWORD PTR [rbx+0x4],rax") { $0.arithmetic(operation, .memory(.rbx, 4), .rax) },
                Line("\(name) r14,0x7f") { $0.arithmetic(operation, .register(.r14), constant: 127) },
                Line("\(name) r14d,0x80") { $0.arithmetic(operation, .register(.r14), constant: 128, wide: false) },
                Line("\(name) DWORD PTR [rbx],0x5") {
                    $0.arithmetic(operation, .memory(.rbx), constant: 5, wide: false)
                },
            ]
        }
        for (shift, name) in [(.rol, "rol"), (.ror, "ror"), (.shl, "shl"), (.shr, "shr"), (.sar, "sar")]
            as [(HostShift, String)]
        {
            lines += [
                Line("\(name) r9,0x21") { $0.shift(shift, .r9, by: 33) },
                Line("\(name) eax,0x3") { $0.shift(shift, .rax, by: 3, wide: false) },
                Line("\(name) rdx,cl") { $0.shift(shift, .rdx, wide: true) },
            ]
        }
        lines += [
            Line("test rsi,r8") { $0.test(.rsi, .r8, wide: true) },
            Line("test DWORD PTR [rbx],ecx") { $0.test(.memory(.rbx), .rcx, wide: false) },
            Line("test al,al") { $0.testByte(.rax) },
            Line("test DWORD PTR [rbx+0x14c],0x1c00000") {
                $0.test(.memory(.rbx, 0x14C), constant: 0x1C0_0000, wide: false)
            },
            Line("not r8") { $0.not(.r8, wide: true) },
            Line("neg ecx") { $0.negate(.rcx, wide: false) },
            Line("imul r8,rdx") { $0.multiply(.r8, .register(.rdx), wide: true) },
            Line("imul eax,eax,0x1010101") { $0.multiply(.rax, .register(.rax), constant: 0x0101_0101, wide: false) },
            Line("mul r9") { $0.multiplyWide(.register(.r9), isSigned: false) },
            Line("imul QWORD PTR [rbx]") { $0.multiplyWide(.memory(.rbx), isSigned: true) },
            Line("div ecx") { $0.divide(by: .rcx, isSigned: false, wide: false) },
            Line("idiv rcx") { $0.divide(by: .rcx, isSigned: true, wide: true) },
            Line("cqo") { $0.extendSignOfRAX(wide: true) },
            Line("cdq") { $0.extendSignOfRAX(wide: false) },
            Line("bswap rax") { $0.swapBytes(.rax, wide: true) },
            Line("bt QWORD PTR [rbx],0x28") { $0.bit(.bt, .memory(.rbx), 40, wide: true) },
            Line("btr rax,0x3f") { $0.bit(.btr, .register(.rax), 63, wide: true) },
            Line("btc eax,0x1f") { $0.bit(.btc, .register(.rax), 31, wide: false) },
            Line("shrd rax,r9,0x7") { $0.shiftRight(.rax, from: .r9, by: 7, wide: true) },
            Line("lzcnt r9d,edx") { $0.emit(.lzcnt, .r9, .register(.rdx)) },
            Line("crc32 eax,cl") { $0.emitSized(.crc32Byte, .rax, .register(.rcx), size: 1) },
            Line("crc32 eax,cx") { $0.emitSized(.crc32Byte, .rax, .register(.rcx), size: 2) },
            Line("crc32 eax,ecx") { $0.emitSized(.crc32Byte, .rax, .register(.rcx), size: 4) },
            Line("crc32 rax,rcx") { $0.emitSized(.crc32Byte, .rax, .register(.rcx), size: 8) },
            Line("rorx r9,rdx,0x5") { $0.rotate(.r9, .register(.rdx), by: 5, wide: true) },
            Line("andn eax,r10d,DWORD PTR [rbx]") { $0.andNot(.rax, inverted: .r10, .memory(.rbx), wide: false) },
            Line("shlx rax,rdx,r9") { $0.shift(.shl, .rax, .register(.rdx), by: .r9, wide: true) },
            Line("shrx eax,edx,ecx") { $0.shift(.shr, .rax, .register(.rdx), by: .rcx, wide: false) },
            Line("sarx r8,QWORD PTR [rbx],rcx") { $0.shift(.sar, .r8, .memory(.rbx), by: .rcx, wide: true) },
            Line("seto al") { $0.setOverflowIntoAL() },
            Line("setbe cl") { $0.set(.rcx, if: .be) },
            Line("cmc") { $0.complementCarry() },
            Line("lahf") { $0.loadFlagsIntoAH() },
            Line("sahf") { $0.storeFlagsFromAH() },
            Line("add al,0x7f") { $0.addToAL(0x7F) },
            Line("cpuid") { $0.identify() },
            Line("ret") { $0.returnToCaller() },
            Line("jmp QWORD PTR [rdx+0x20]") { $0.jump(through: .memory(.rdx, 0x20)) },
            Line("call rax") { $0.call(through: .register(.rax)) },
        ]
        for (size, name) in [
            (1, "BYTE PTR [rax],cl"), (2, "WORD PTR [rax],cx"), (4, "DWORD PTR [rax],ecx"), (8, "QWORD PTR [rax],rcx"),
        ] {
            lines += [
                Line("xchg \(name)") { $0.emitSized(.xchgByte, .rcx, .memory(.rax), size: size) },
                Line("lock xadd \(name)") {
                    $0.lock()
                    $0.emitSized(.xaddByte, .rcx, .memory(.rax), size: size)
                },
                Line("lock cmpxchg \(name)") {
                    $0.lock()
                    $0.emitSized(.cmpxchgByte, .rcx, .memory(.rax), size: size)
                },
            ]
        }
        try Self.check(lines)
    }

    @Test("Vector instructions on integers")
    func vectors() throws {
        typealias BySize = (Int) -> HostInstruction
        let families: [(names: [String], instruction: @Sendable (Int) -> HostInstruction)] = [
            (["paddb", "paddw", "paddd", "paddq"], { .padd($0) }),
            (["psubb", "psubw", "psubd", "psubq"], { .psub($0) }),
            (["", "pmullw", "pmulld", ""], { .pmull($0) }),
            (["pcmpeqb", "pcmpeqw", "pcmpeqd", "pcmpeqq"], { .pcmpeq($0) }),
            (["pcmpgtb", "pcmpgtw", "pcmpgtd", "pcmpgtq"], { .pcmpgt($0) }),
            (["pmaxsb", "pmaxsw", "pmaxsd", ""], { .pmaxs($0) }),
            (["pmaxub", "pmaxuw", "pmaxud", ""], { .pmaxu($0) }),
            (["pminsb", "pminsw", "pminsd", ""], { .pmins($0) }),
            (["pminub", "pminuw", "pminud", ""], { .pminu($0) }),
            (["punpcklbw", "punpcklwd", "punpckldq", "punpcklqdq"], { .punpckl($0) }),
            (["punpckhbw", "punpckhwd", "punpckhdq", "punpckhqdq"], { .punpckh($0) }),
            (["pmovsxbw", "pmovsxwd", "pmovsxdq", ""], { .pmovsx($0) }),
            (["pmovzxbw", "pmovzxwd", "pmovzxdq", ""], { .pmovzx($0) }),
        ]
        var lines: [Line] = []
        for (names, instruction) in families {
            for (size, name) in names.enumerated() where !name.isEmpty {
                lines.append(Line("\(name) xmm1,xmm9") { $0.emit(instruction(size), .xmm1, .vector(.xmm9)) })
            }
        }
        for (size, suffix) in [(1, "w"), (2, "d"), (3, "q")] {
            lines += [
                Line("psll\(suffix) xmm12,0x7") { $0.shift(.pshift(.left, size), .xmm12, by: 7) },
                Line("psrl\(suffix) xmm0,0x7") { $0.shift(.pshift(.rightLogical, size), .xmm0, by: 7) },
            ]
            if size < 3 {
                lines.append(Line("psra\(suffix) xmm2,0x7") { $0.shift(.pshift(.rightArithmetic, size), .xmm2, by: 7) })
            }
        }
        let plain: [(String, HostInstruction)] = [
            ("pand", .pand), ("pandn", .pandn), ("por", .por), ("pxor", .pxor), ("pshufb", .pshufb),
            ("packuswb", .packuswb), ("packusdw", .packusdw), ("pmuldq", .pmuldq), ("pmuludq", .pmuludq),
            ("movdqa", .movdqa), ("movq", .movq), ("paddusb", .paddusb), ("aesenc", .aesenc),
            ("aesenclast", .aesenclast), ("aesdec", .aesdec), ("aesdeclast", .aesdeclast), ("aesimc", .aesimc),
            ("sha1msg2", .sha1msg2), ("sha256msg1", .sha256msg1), ("sha256msg2", .sha256msg2),
        ]
        for (name, instruction) in plain {
            lines.append(Line("\(name) xmm8,xmm3") { $0.emit(instruction, .xmm8, .vector(.xmm3)) })
        }
        lines += [
            Line("psrldq xmm4,0x8") { $0.shift(.psrldq, .xmm4, by: 8) },
            Line("pslldq xmm1,0x3") { $0.shift(.pslldq, .xmm1, by: 3) },
            Line("movdqa xmm5,XMMWORD PTR [rbx+0x100]") { $0.loadVector(.xmm5, .memory(.rbx, 0x100)) },
            Line("movdqa XMMWORD PTR [rbx+0x10],xmm15") { $0.storeVector(.xmm15, .memory(.rbx, 16)) },
            Line("movdqu xmm5,XMMWORD PTR [rax]") { $0.emit(.movdqu, .xmm5, .memory(.rax)) },
            Line("movdqu XMMWORD PTR [rax],xmm5") { $0.emit(.movdquStore, .xmm5, .memory(.rax)) },
            Line("movd xmm5,ecx") { $0.emit(.movd, .xmm5, .register(.rcx)) },
            Line("movq xmm5,r9") { $0.emit(.movd, .xmm5, .register(.r9), wide: true) },
            Line("movd DWORD PTR [rax],xmm9") { $0.emit(.movdStore, .xmm9, .memory(.rax)) },
            Line("movq rdx,xmm9") { $0.emit(.movdStore, .xmm9, .register(.rdx), wide: true) },
            Line("movq xmm2,QWORD PTR [rax]") { $0.emit(.movq, .xmm2, .memory(.rax)) },
            Line("movq QWORD PTR [rax],xmm2") { $0.emit(.movqStore, .xmm2, .memory(.rax)) },
            Line("insertps xmm2,xmm7,0xe") { $0.emit(.insertps, .xmm2, .vector(.xmm7), immediate: 14) },
            Line("pextrb BYTE PTR [rax],xmm2,0x3") { $0.emit(.pextr(0), .xmm2, .memory(.rax), immediate: 3) },
            Line("pextrw WORD PTR [rax],xmm2,0x0") { $0.emit(.pextr(1), .xmm2, .memory(.rax), immediate: 0) },
            Line("pextrw r9d,xmm2,0x7") { $0.emit(.pextr(1), .xmm2, .register(.r9), immediate: 7) },
            Line("pextrd eax,xmm12,0x1") { $0.emit(.pextr(2), .xmm12, .register(.rax), immediate: 1) },
            Line("pextrq rax,xmm2,0x1") { $0.emit(.pextr(3), .xmm2, .register(.rax), wide: true, immediate: 1) },
            Line("pinsrb xmm2,eax,0xf") { $0.emit(.pinsr(0), .xmm2, .register(.rax), immediate: 15) },
            Line("pinsrw xmm9,WORD PTR [rax],0x2") { $0.emit(.pinsr(1), .xmm9, .memory(.rax), immediate: 2) },
            Line("pinsrd xmm2,esi,0x3") { $0.emit(.pinsr(2), .xmm2, .register(.rsi), immediate: 3) },
            Line("pinsrq xmm2,r10,0x1") { $0.emit(.pinsr(3), .xmm2, .register(.r10), wide: true, immediate: 1) },
            Line("pshufd xmm2,xmm7,0x44") { $0.emit(.pshufd, .xmm2, .vector(.xmm7), immediate: 0x44) },
            Line("pshuflw xmm2,xmm7,0x44") { $0.emit(.pshuflw, .xmm2, .vector(.xmm7), immediate: 0x44) },
            Line("pshufhw xmm2,xmm7,0x44") { $0.emit(.pshufhw, .xmm2, .vector(.xmm7), immediate: 0x44) },
            Line("shufps xmm2,xmm7,0x11") { $0.emit(.shufps, .xmm2, .vector(.xmm7), immediate: 0x11) },
            Line("pblendw xmm2,xmm7,0xf0") { $0.emit(.pblendw, .xmm2, .vector(.xmm7), immediate: 0xF0) },
            Line("palignr xmm2,xmm7,0x8") { $0.emit(.palignr, .xmm2, .vector(.xmm7), immediate: 8) },
            Line("sha1rnds4 xmm2,xmm7,0x3") { $0.emit(.sha1rnds4, .xmm2, .vector(.xmm7), immediate: 3) },
            Line("pclmullqlqdq xmm2,xmm7") { $0.emit(.pclmulqdq, .xmm2, .vector(.xmm7), immediate: 0) },
            Line("sha256rnds2 xmm2,xmm7,xmm0") { $0.emit(.sha256rnds2, .xmm2, .vector(.xmm7)) },
            Line("movmskps eax,xmm1") { $0.emit(.movmskps, .rax, .vector(.xmm1)) },
        ]
        try Self.check(lines)
    }

    @Test("Floating-point instructions")
    func floats() throws {
        var lines: [Line] = []
        let families: [(String, HostInstruction)] = [
            ("add", .add), ("mul", .multiply), ("sub", .subtract), ("div", .divide), ("sqrt", .squareRoot),
        ]
        for (name, instruction) in families {
            lines += [
                Line("\(name)ss xmm1,xmm9") { $0.emit(instruction.scalar(isDouble: false), .xmm1, .vector(.xmm9)) },
                Line("\(name)sd xmm1,QWORD PTR [rbx]") {
                    $0.emit(instruction.scalar(isDouble: true), .xmm1, .memory(.rbx))
                },
                Line("\(name)ps xmm1,xmm9") { $0.emit(instruction.packed(isDouble: false), .xmm1, .vector(.xmm9)) },
                Line("\(name)pd xmm1,xmm9") { $0.emit(instruction.packed(isDouble: true), .xmm1, .vector(.xmm9)) },
            ]
        }
        lines += [
            Line("cvtss2sd xmm1,xmm9") { $0.emit(.convertPrecision.scalar(isDouble: false), .xmm1, .vector(.xmm9)) },
            Line("cvtsd2ss xmm1,xmm9") { $0.emit(.convertPrecision.scalar(isDouble: true), .xmm1, .vector(.xmm9)) },
            Line("ucomiss xmm1,xmm9") { $0.emit(.unorderedCompare.packed(isDouble: false), .xmm1, .vector(.xmm9)) },
            Line("ucomisd xmm1,xmm9") { $0.emit(.unorderedCompare.packed(isDouble: true), .xmm1, .vector(.xmm9)) },
            Line("cvtsi2ss xmm1,ecx") { $0.emit(.convertFromInteger.scalar(isDouble: false), .xmm1, .register(.rcx)) },
            Line("cvtsi2sd xmm1,rcx") {
                $0.emit(.convertFromInteger.scalar(isDouble: true), .xmm1, .register(.rcx), wide: true)
            },
            Line("cvttss2si eax,xmm9") { $0.emit(.truncateToInteger.scalar(isDouble: false), .rax, .vector(.xmm9)) },
            Line("cvttsd2si rax,xmm9") {
                $0.emit(.truncateToInteger.scalar(isDouble: true), .rax, .vector(.xmm9), wide: true)
            },
            Line("movss xmm1,DWORD PTR [rbx]") { $0.emit(.movScalar.scalar(isDouble: false), .xmm1, .memory(.rbx)) },
            Line("movsd xmm1,QWORD PTR [rbx]") { $0.emit(.movScalar.scalar(isDouble: true), .xmm1, .memory(.rbx)) },
        ]
        let fused: [(String, HostVEXInstruction, isPacked: Bool)] = [
            ("vfmadd231", .vfmadd231Scalar, false), ("vfmsub231", .vfmsub231Scalar, false),
            ("vfnmadd231", .vfnmadd231Scalar, false), ("vfnmsub231", .vfnmsub231Scalar, false),
            ("vfmadd231", .vfmadd231Packed, true), ("vfnmadd231", .vfnmadd231Packed, true),
        ]
        for (name, instruction, isPacked) in fused {
            let kind = isPacked ? "p" : "s"
            lines += [
                Line("\(name)\(kind)s xmm0,xmm1,xmm9") {
                    $0.fusedMultiply(instruction, .xmm0, .xmm1, .vector(.xmm9), isDouble: false)
                },
                Line("\(name)\(kind)d xmm10,xmm1,xmm9") {
                    $0.fusedMultiply(instruction, .xmm10, .xmm1, .vector(.xmm9), isDouble: true)
                },
            ]
        }
        try Self.check(lines)
    }

    @Test("Jumps and calls lead to where they are resolved to")
    func jumps() throws {
        let conditions: [(HostCondition, String)] = [
            (.o, "jo"), (.no, "jno"), (.b, "jb"), (.ae, "jae"), (.e, "je"), (.ne, "jne"), (.be, "jbe"), (.a, "ja"),
            (.s, "js"),
            (.ns, "jns"), (.p, "jp"), (.np, "jnp"), (.l, "jl"), (.ge, "jge"), (.le, "jle"), (.g, "jg"),
        ]
        // Each leads to the instruction after it.
        var lines: [Line] = []
        var offset = 0
        func add(_ name: String, _ length: Int, _ emit: @escaping @Sendable (inout Assembler) -> Void) {
            offset += length
            lines.append(Line("\(name) 0x\(String(offset, radix: 16))", emit))
        }
        for (condition, name) in conditions {
            add(name, 6) { $0.jump(if: condition).resolve(to: $0.cursor) }
            add(name, 2) { $0.land($0.skip(if: condition)) }
        }
        add("jmp", 5) { $0.jump().resolve(to: $0.cursor) }
        add("jmp", 2) { $0.land($0.skip()) }
        add("call", 5) { $0.call($0.cursor + 5) }
        try Self.check(lines)
    }
}

#endif
