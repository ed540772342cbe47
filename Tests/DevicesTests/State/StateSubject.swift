// Every device, in a state that is not the one after reset: what the suites of saving and restoring are about.

import Devices
import Hypervisor
import NinePFS
import Synchronization
import Testing

/// A device whose state is taken, with what a guest can do to it.
struct StateBench {
    let device: any StatefulDevice
    /// A few accesses at random; returns what the guest and those at its wires saw. Nil if there is RAM behind the
    /// device.
    var step: ((inout SeededGenerator) -> [UInt64])?
    /// What tells the device the time, if it asks.
    var clock: SharedClock?
    /// Fields that follow the host, so that they need not be what was restored.
    var hostFields: Set<String> = []
}

enum StateSubject: String, CaseIterable, CustomTestStringConvertible {
    case pl011
    case pl031
    case watchdog
    case pl061
    case events
    case gic
    case flash
    case fwCfg
    case emptySlot
    case block
    case network
    case console
    case ports
    case share
    case entropy

    /// Those whose behaviour is all in their registers and wires.
    static let registerOnly: [Self] = [.pl011, .pl031, .watchdog, .pl061, .events, .gic, .flash, .fwCfg]

    var testDescription: String { rawValue }

    /// A new device.
    func make() throws -> StateBench {
        switch self {
        case .pl011: Self.pl011(PL011Bench())
        case .pl031: Self.pl031()
        case .watchdog: Self.watchdog()
        case .pl061: Self.pl061()
        case .events: Self.events()
        case .gic: Self.gic(GICBench(3))
        case .flash: Self.flash(try FlashBench())
        case .fwCfg: Self.fwCfg(try FwCfgBench())
        case .emptySlot: StateBench(device: try TestDriver(nil).mmio)
        case .block: StateBench(device: try Self.driver(VirtioSubjects.block(), queueCount: 1).mmio)
        case .network: StateBench(device: try Self.driver(VirtioSubjects.network(), queueCount: 2).mmio)
        case .console: StateBench(device: try Self.driver(VirtioSubjects.console(), queueCount: 2).mmio)
        case .ports: StateBench(device: try Self.driver(VirtioSubjects.ports(), queueCount: 6).mmio)
        case .share: StateBench(device: try Self.driver(VirtioSubjects.share(), queueCount: 1).mmio)
        case .entropy: StateBench(device: try Self.driver(VirtioSubjects.entropy(), queueCount: 1).mmio)
        }
    }

    /// One that was used, so that its state is not that of a new one.
    func makeUsed() throws -> StateBench {
        let bench = try make()
        guard let step = bench.step else {
            bench.device.quiesce()
            return bench
        }
        var random = SeededGenerator(state: 7)
        let new = try bench.device.save()
        repeat {
            for _ in 0..<200 { _ = step(&random) }
        } while try bench.device.save() == new
        return bench
    }

    /// A register's value: few bits, many, or any.
    private static func value(_ random: inout SeededGenerator) -> UInt64 {
        switch random.next() % 4 {
        case 0: 1 << (random.next() % 32)
        case 1: random.next() & 0xFF
        case 2: random.next() & 0xFFFF_FFFF
        default: 0x301
        }
    }

    private static func pl011(_ bench: PL011Bench) -> StateBench {
        let registers: [UInt64] = [0, 0, 4, 0x18, 0x20, 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38, 0x3C, 0x40, 0x44, 0x48]
        return StateBench(device: bench.uart) { random in
            let register = registers[Int(random.next() % UInt64(registers.count))]
            switch random.next() % 4 {
            case 0: bench.write(register, Self.value(&random))
            case 1:
                // The receiver is on, and somebody reads.
                bench.write(PL011Bench.CR, 0x301)
                bench.write(PL011Bench.IMSC, 0x50)
            case 2:
                let taken = bench.uart.receive((0..<random.next() % 20).map { UInt8(truncatingIfNeeded: $0) })
                return [UInt64(taken), bench.uart.receiveBreak() ? 1 : 0, bench.isInterrupting ? 1 : 0]
            default: break
            }
            return [bench.read(register), bench.isInterrupting ? 1 : 0]
        }
    }

    private static func pl031() -> StateBench {
        let wire = RecordingLine()
        let clock = SharedClock()
        let rtc = PL031(revision: .r1p0, interrupt: wire.line, clock: { clock.time })
        return StateBench(
            device: rtc,
            step: { random in
                let register = random.next() % 8 * 4
                switch random.next() % 3 {
                case 0: rtc.write(offset: register, size: 4, value: Self.value(&random), cpu: 0)
                case 1: rtc.write(offset: 4, size: 4, value: clock.time & 0xFFFF_FFFF + 2, cpu: 0)
                default: clock.advance(random.next() % 3)
                }
                return [
                    rtc.read(offset: register, size: 4, cpu: 0), wire.level ? 1 : 0, rtc.nextAlarm.map { $0 + 1 } ?? 0,
                ]
            }, clock: clock, hostFields: ["time"])
    }

    private static func watchdog() -> StateBench {
        let wire = RecordingLine()
        let clock = SharedClock()
        let watchdog = GenericWatchdog(
            interrupt: wire.line, counter: { clock.time }, deadlineChanged: {}, expired: {})
        let (control, refresh) = (watchdog.controlFrame, watchdog.refreshFrame)
        return StateBench(
            device: watchdog,
            step: { random in
                let register = random.next() % 6 * 4
                switch random.next() % 6 {
                case 0: control.write(offset: register, size: 4, value: random.next() % 8, cpu: 0)
                case 1: control.write(offset: 0, size: 4, value: 1, cpu: 0)
                case 2: refresh.write(offset: 0, size: 4, value: 0, cpu: 0)
                case 3: watchdog.postpone(by: random.next() % 4)
                default: clock.advance(random.next() % 3)
                }
                return [
                    control.read(offset: register, size: 4, cpu: 0), wire.level ? 1 : 0, watchdog.nextDeadline ?? 0,
                ]
            }, clock: clock)
    }

    private static func pl061() -> StateBench {
        let wire = RecordingLine()
        let pins = PL061(interrupt: wire.line)
        return StateBench(device: pins) { random in
            let register = 0x400 + random.next() % 9 * 4
            switch random.next() % 3 {
            case 0: pins.write(offset: register, size: 4, value: Self.value(&random), cpu: 0)
            case 1: pins.press(pin: Int(random.next() % 8))
            default: pins.write(offset: random.next() % 256 * 4, size: 4, value: Self.value(&random), cpu: 0)
            }
            let data = random.next() % 256 * 4
            return [
                pins.read(offset: register, size: 4, cpu: 0), pins.read(offset: data, size: 4, cpu: 0),
                wire.level ? 1 : 0,
            ]
        }
    }

    private static func events() -> StateBench {
        let wire = RecordingLine()
        let events = EventDevice(interrupt: wire.line)
        return StateBench(device: events) { random in
            if random.next() % 3 != 0 { events.raise(EventDevice.Event(rawValue: 1 << (random.next() % 3 as UInt64))) }
            let isRead = random.next() % 2 == 0
            return [isRead ? events.read(offset: 0, size: 1, cpu: 0) : 0, wire.level ? 1 : 0]
        }
    }

    private static func gic(_ bench: GICBench) -> StateBench {
        let distributor: [UInt64] = [0, 0x80, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0x404, 0xC00, 0xC08]
        return StateBench(device: bench.gic) { random in
            let cpu = Int(random.next() % 3)
            let spi = Int(random.next() % 40)
            let bank = random.next() % 9 * 4
            let offset = distributor[Int(random.next() % UInt64(distributor.count))]
            var seen: [UInt64] = []
            switch random.next() % 9 {
            case 0:
                bench.start()
                for intid in [40, 41, 70] { bench.enable(intid, priority: random.next() & 0xF8) }
            case 1: bench.writeD(offset + (offset < 0x400 ? bank : 0), Self.value(&random))
            case 2: bench.writeR(cpu, GICBench.R.SGI + offset, Self.value(&random))
            case 3: bench.gic.spi(spi).set(random.next() % 2 == 0)
            case 4: bench.gic.ppi(16 + spi % 16, cpu: cpu).set(random.next() % 2 == 0)
            case 5:
                // To one PE, to any, or to none that there is.
                bench.writeD(0x6100 + UInt64(spi) * 8, random.next() % 3 | (random.next() % 2) << 31, size: 8)
            case 6:
                let registers = GICBench.I.all
                bench.write(registers[Int(random.next() % UInt64(registers.count))], Self.value(&random), cpu)
            case 7:
                if let intid = bench.acknowledge(cpu) {
                    seen.append(intid)
                    if random.next() % 2 == 0 { bench.end(intid, cpu) }
                }
            default: bench.writeR(cpu, GICBench.R.WAKER, random.next() & 2)
            }
            for register in [GICBench.I.HPPIR1, GICBench.I.RPR, GICBench.I.PMR, GICBench.I.AP1R0, GICBench.I.BPR1] {
                seen.append(bench.read(register, cpu) ?? 0)
            }
            seen += [bench.readD(offset + (offset < 0x400 ? bank : 0)), bench.readR(cpu, GICBench.R.SGI + offset)]
            return seen + bench.irqs.map { UInt64($0) + 1000 }
        }
    }

    private static func flash(_ bench: FlashBench) -> StateBench {
        let codes: [UInt64] = [0xFF, 0x90, 0x98, 0x70, 0x50, 0x40, 0xE8, 0xE8, 0x20, 0x60, 0xD0, 0, 1, 2]
        return StateBench(device: bench.flash) { random in
            let offset = random.next() % UInt64(FlashBench.byteCount / 4) * 4
            let code = codes[Int(random.next() % UInt64(codes.count))]
            bench.flash.write(offset: offset, size: 1 << Int(random.next() % 4), value: code << 16 | code, cpu: 0)
            // The contents are no part of the state.
            return bench.rom.mode == .memory ? [] : [bench.flash.read(offset: offset, size: 4, cpu: 0)]
        }
    }

    private static func fwCfg(_ bench: FwCfgBench) -> StateBench {
        let keys: [UInt16] = [0, 1, 0x19, 0x20, 0x21, 0x30]
        return StateBench(device: bench.device) { random in
            switch random.next() % 4 {
            case 0: bench.select(keys[Int(random.next() % UInt64(keys.count))])
            case 1: bench.device.write(offset: 16, size: 4, value: Self.value(&random), cpu: 0)
            case 2: _ = bench.request(control: 4, length: UInt32(random.next() % 0x2_0000))
            default: break
            }
            return [bench.device.read(offset: 0, size: 1 << Int(random.next() % 4), cpu: 0)]
        }
    }

    /// A driver that is up, with a few buffers available in each queue.
    static func driver(_ device: any VirtioDevice, queueCount: Int) throws -> TestDriver {
        let driver = try TestDriver(device)
        guard driver.start(queueCount: queueCount) else { throw NetworkBackendError("the driver did not start") }
        for queue in driver.queues {
            for index in 0..<3 {
                guard device is NinePDevice else {
                    queue.add([driver.writable(64)])
                    continue
                }
                queue.add([driver.readable(VirtioSubjects.shareMessages[index]), driver.writable(64)])
            }
            driver.notify(queue.index)
        }
        return driver
    }
}

/// The virtio devices.
enum VirtioSubjects {
    static func block() throws -> BlockDevice {
        let disk = try TemporaryDisk(sectors: 64)
        return try BlockDevice(file: DiskFile(path: disk.path), serial: "serial", synchronous: true)
    }

    static func network() throws -> NetworkDevice {
        try NetworkDevice(mac: MACAddress(virtualMachine: 1), mtu: 1500, backend: MemoryBackend())
    }

    static func console() -> ConsoleDevice { ConsoleDevice(output: { _ in }, now: { 0 }) }

    static func ports() -> PortsDevice {
        PortsDevice(
            ports: [ConsolePort(number: 0, isConsole: true), ConsolePort(number: 1, name: "agent")],
            output: { $1.count })
    }

    static func share() throws -> NinePDevice {
        try NinePDevice(
            tag: "share", server: NinePServer(NinePShare(path: "/tmp", isReadOnly: true)), synchronous: true)
    }

    /// Tversion with 8 KiB; Tattach of fid 1; Twalk of that to fid 2.
    static let shareMessages: [[UInt8]] = [
        [21, 0, 0, 0, 100, 0xFF, 0xFF, 0, 0x20, 0, 0, 8, 0] + Array("9P2000.L".utf8),
        [23, 0, 0, 0, 104, 1, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0],
        [17, 0, 0, 0, 110, 2, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0],
    ]

    static func entropy() -> EntropyDevice { EntropyDevice(source: CountingSource()) }
}

/// A clock that the test moves, for several devices.
final class SharedClock: Sendable {
    static let start: UInt64 = 1_800_000_000
    private let seconds = Atomic<UInt64>(SharedClock.start)

    var time: UInt64 { seconds.load(ordering: .relaxed) }
    func set(_ time: UInt64) { seconds.store(time, ordering: .relaxed) }
    func advance(_ count: UInt64) { seconds.add(count, ordering: .relaxed) }
}
