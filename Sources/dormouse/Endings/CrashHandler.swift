// The last words of a process that is broken: a trap, a bad access, an abort.
//
// Responsible for: ending it at once, by the same signal, with one line on standard error and the terminal as it was.
// The backtracer of Swift's runtime, whose handlers these replace, can take half a minute, in which the process holds
// its locks and heeds no signal; whoever wants more than a line has core files. What a VM's state says is right as it
// is: it runs until it is said how it ended, and a lock goes with its process.
//
// Not responsible for: a thread other than the first whose stack has overflowed. It has no other stack to run a handler
// on, so the kernel ends the process, at once and without words.
//
// Safe: a handler calls only what signal-safety(7) allows, allocates nothing, and reads memory that was complete before
// it was installed and is never freed.

import Glibc
import Synchronization

enum CrashHandler {
    /// What a trap, a failed assertion or a bad access ends in.
    private static let signals: [(number: Int32, name: StaticString)] = [
        (SIGABRT, "SIGABRT"), (SIGBUS, "SIGBUS"), (SIGFPE, "SIGFPE"), (SIGILL, "SIGILL"), (SIGSEGV, "SIGSEGV"),
        (SIGTRAP, "SIGTRAP"),
    ]

    private static let isCrashing = Atomic(false)
    /// Where the executable is in memory; what is further behind than any code of ours is not in it.
    private static let executable = Atomic<UInt>(0)
    private static let executableByteCount: UInt = 1 << 28
    private static let line = CrashLine()
    private static let alternateStackByteCount = 64 << 10
    /// How long a line waits for a standard error that takes nothing, in milliseconds.
    private static let patience: Int32 = 100

    /// Takes the signals. To be called by the main thread, before there are others.
    static func install(version: String) {
        line.end = Array(
            "; this is a fault of Dormouse \(version) and not of its guest: please report this line\n".utf8
        )
        .withUnsafeBufferPointer { bytes in
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
            _ = copy.initialize(from: bytes)
            return UnsafeBufferPointer(copy)
        }
        executable.store(programHeaders & ~0xFFF, ordering: .relaxed)
        isCrashing.store(false, ordering: .releasing)
        // For a stack that has overflowed.
        var stack = stack_t()
        stack.ss_sp = UnsafeMutableRawPointer.allocate(byteCount: alternateStackByteCount, alignment: 16)
        stack.ss_size = alternateStackByteCount
        sigaltstack(&stack, nil)
        for signal in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_sigaction = { CrashHandler.handle($0, $1, $2) }
            action.sa_flags = SA_SIGINFO | SA_ONSTACK
            // A fault of the handler itself ends the process, too: the kernel lets no signal wait that is one.
            sigfillset(&action.sa_mask)
            sigaction(signal.number, &action, nil)
        }
    }

    /// Where the executable's program headers are, which are on the first page of what is mapped of it: AT_PHDR of
    /// getauxval(3).
    private static var programHeaders: UInt {
        let headers: UInt = 3
        let file = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        var vector = [UInt](repeating: 0, count: 256)
        let count = vector.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
        let words = vector.prefix(max(0, count) / MemoryLayout<UInt>.size)
        let entry = stride(from: 0, to: words.count - 1, by: 2).first { words[$0] == headers }
        return entry.map { words[$0 + 1] } ?? 0
    }

    private static func handle(
        _ number: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
    ) {
        // One thread speaks; the others wait for the end that it brings.
        while isCrashing.exchange(true, ordering: .acquiringAndReleasing) { pause() }
        EmergencyRestore.restore()
        say(number, info, context)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = SIG_DFL
        sigaction(number, &action, nil)
        // Comes as soon as this returns.
        raise(number)
    }

    private static func say(
        _ number: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
    ) {
        line.clear()
        line.add("dormouse: crashed by ")
        for signal in signals where signal.number == number { line.add(signal.name) }
        // SI_USER and what is below: sent by a process, which may be this one.
        if let info, info.pointee.si_code <= 0 {
            let sender = info.pointee._sifields._kill.si_pid
            if sender != getpid() {
                line.add(", sent by process ")
                line.add(UInt(UInt32(bitPattern: sender)), radix: 10)
            }
        } else {
            if let context {
                let counter = programCounter(context)
                let offset = counter &- executable.load(ordering: .relaxed)
                line.add(offset < executableByteCount ? " at dormouse+0x" : " at 0x")
                line.add(offset < executableByteCount ? offset : counter, radix: 16)
            }
            if let info, number == SIGSEGV || number == SIGBUS {
                line.add(", address 0x")
                line.add(UInt(bitPattern: info.pointee._sifields._sigfault.si_addr), radix: 16)
            }
        }
        line.addEnd()
        var polled = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard poll(&polled, 1, patience) > 0 else { return }
        _ = write(STDERR_FILENO, line.bytes, line.count)
    }

    private static func programCounter(_ context: UnsafeMutableRawPointer) -> UInt {
        let machine = context.assumingMemoryBound(to: ucontext_t.self).pointee.uc_mcontext
        #if arch(x86_64)
        // REG_RIP of the C library's sys/ucontext.h, which is for GNU programs.
        return UInt(bitPattern: Int(machine.gregs.16))
        #elseif arch(arm64)
        return UInt(machine.pc)
        #else
        return 0
        #endif
    }
}

/// A line of text that is put together without allocating anything.
private final class CrashLine: Sendable {
    private static let capacity = 512

    nonisolated(unsafe) let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    @exclusivity(unchecked) nonisolated(unsafe) private(set) var count = 0
    /// What every line ends with.
    @exclusivity(unchecked) nonisolated(unsafe) var end = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

    func clear() { count = 0 }

    func add(_ text: StaticString) {
        add(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func addEnd() { add(end) }

    private func add(_ text: UnsafeBufferPointer<UInt8>) {
        for index in 0..<text.count where count < Self.capacity {
            bytes[count] = text[index]
            count += 1
        }
    }

    func add(_ number: UInt, radix: UInt) {
        var divisor: UInt = 1
        while number / divisor >= radix { divisor *= radix }
        while divisor > 0, count < Self.capacity {
            let digit = UInt8(truncatingIfNeeded: number / divisor % radix)
            bytes[count] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            count += 1
            divisor /= radix
        }
    }
}
