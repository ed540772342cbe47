// What a PL061 knows, and what its registers do. DDI 0190, chapter 3, "Programmer's Model".

import Hypervisor

/// Offsets of registers.
enum PL061Register {
    /// GPIODATA: bits 9 to 2 of the address are a mask of the pins that are meant.
    static let data: Range<UInt64> = 0x000..<0x400
    static let direction: UInt64 = 0x400
    static let sense: UInt64 = 0x404
    static let bothEdges: UInt64 = 0x408
    static let event: UInt64 = 0x40C
    static let enable: UInt64 = 0x410
    static let rawStatus: UInt64 = 0x414
    static let maskedStatus: UInt64 = 0x418
    static let clear: UInt64 = 0x41C
    static let alternate: UInt64 = 0x420
}

/// The state of a PL061, a bit for each pin.
struct PL061State: Sendable, Codable, Equatable {
    static let identification = PrimeCellIdentification(partNumber: 0x061, revision: 0)

    /// GPIODIR: the pin is an output.
    private var direction: UInt8 = 0
    /// What was written to the pins, as far as they are outputs.
    private var output: UInt8 = 0
    /// GPIOIS: levels are interrupts, and not edges.
    private var sense: UInt8 = 0
    /// GPIOIBE: both edges are.
    private var bothEdges: UInt8 = 0
    /// GPIOIEV: a high level or a rising edge is, and not a low or falling one.
    private var event: UInt8 = 0
    /// GPIOIE.
    private var enable: UInt8 = 0
    /// Edges that were seen.
    private var edges: UInt8 = 0
    /// GPIOAFSEL, which changes nothing: the pins have no other function.
    private var alternate: UInt8 = 0
    /// Buttons that are held.
    private var pressed: UInt8 = 0

    /// The pins' levels. What is no output is what its button makes of it.
    private var pins: UInt8 { output & direction | pressed & ~direction }

    /// GPIORIS.
    private var rawStatus: UInt8 { edges & ~sense | ~(pins ^ event) & sense }

    var isInterruptAsserted: Bool { rawStatus & enable != 0 }

    /// Changes something, and sees the edges that come of it.
    private mutating func change(_ body: (inout Self) -> Void) {
        let before = pins
        body(&self)
        let (rising, falling) = (pins & ~before, before & ~pins)
        edges |= ((rising | falling) & bothEdges | rising & event | falling & ~event) & ~sense
    }

    mutating func press(_ buttons: UInt8) {
        change { $0.pressed &= ~buttons }
        change { $0.pressed |= buttons }
    }

    mutating func read(_ offset: UInt64) -> UInt32 {
        switch offset {
        case PL061Register.data:
            let mask = UInt8(truncatingIfNeeded: offset >> 2)
            let value = pins & mask
            // The guest has seen that they are held.
            change { $0.pressed &= ~(value & ~$0.direction) }
            return UInt32(value)
        case PL061Register.direction: return UInt32(direction)
        case PL061Register.sense: return UInt32(sense)
        case PL061Register.bothEdges: return UInt32(bothEdges)
        case PL061Register.event: return UInt32(event)
        case PL061Register.enable: return UInt32(enable)
        case PL061Register.rawStatus: return UInt32(rawStatus)
        case PL061Register.maskedStatus: return UInt32(rawStatus & enable)
        case PL061Register.alternate: return UInt32(alternate)
        default: return Self.identification.read(offset) ?? 0
        }
    }

    mutating func write(_ offset: UInt64, _ value: UInt8) {
        switch offset {
        case PL061Register.data:
            let mask = UInt8(truncatingIfNeeded: offset >> 2) & direction
            change { $0.output = $0.output & ~mask | value & mask }
        case PL061Register.direction: change { $0.direction = value }
        case PL061Register.sense: sense = value
        case PL061Register.bothEdges: bothEdges = value
        case PL061Register.event: event = value
        case PL061Register.enable: enable = value
        case PL061Register.clear: edges &= ~value
        case PL061Register.alternate: alternate = value
        default: break
        }
    }
}
