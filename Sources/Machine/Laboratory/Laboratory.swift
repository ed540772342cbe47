// Firmware and disks that misbehave on purpose, for people who test kernels and firmware.
//
// Responsible for: what is to go wrong, as a value. It is no part of the machine: a VM's record does not have it. Not
// responsible for: doing it (`LaboratoryRun`, and `DiskLaboratory` of the devices), or for what the command line calls
// it.

import Devices
import HostSupport
import PSCI

/// What goes wrong in a run.
public struct Laboratory: Sendable, Hashable {
    /// Which calls of a function a rule is for.
    public enum Occasion: Sendable, Hashable {
        case every
        /// The n-th since the machine was made, from 1, of both widths together.
        case nth(Int)
    }

    /// What happens to a call.
    public enum Action: Sendable, Hashable {
        /// It is not carried out, and returns this.
        case fail(ReturnCode)
        /// It takes that many milliseconds longer.
        case delay(milliseconds: UInt64)
        /// It is carried out, but if it ends the run, the run goes on: the caller finds INTERNAL_FAILURE, as KVM has it
        /// when a host runs the vCPU again.
        case resume
    }

    /// One thing that goes wrong.
    public struct Rule: Sendable, Hashable {
        public var function: Function
        public var occasion: Occasion
        public var action: Action

        public init(_ function: Function, _ occasion: Occasion = .every, _ action: Action) {
            self.function = function
            self.occasion = occasion
            self.action = action
        }
    }

    /// All that apply to a call do: delays add up, and of several errors the first counts.
    public var rules: [Rule] = []
    /// Cores that the guest must not have: CPU_ON is DENIED since PSCI 1.2, and before that they are not there. Never
    /// core 0.
    public var withheldCores: Set<Int> = []

    /// Where the writing of a run's end into the VM's state ends the process, as a crash of the host would.
    public var recordKill: DurableFile.Step?
    /// What goes wrong with the disks, by their position from 0.
    public var disks: [Int: DiskFaults] = [:]
    /// Where the power goes while UEFI's variables are written.
    public var flash: FlashFault?
    /// Where what the guest does to its disks is logged.
    public var diskLog: String?

    public init(rules: [Rule] = [], withheldCores: Set<Int> = []) {
        self.rules = rules
        self.withheldCores = withheldCores
    }

    /// Adds what goes wrong in another one.
    public mutating func add(_ other: Laboratory) {
        rules += other.rules
        withheldCores.formUnion(other.withheldCores)
        recordKill = other.recordKill ?? recordKill
        disks.merge(other.disks) { $0.adding($1) }
        flash = other.flash ?? flash
        diskLog = other.diskLog ?? diskLog
    }

    /// Nothing goes wrong.
    public static let idle = Laboratory()
}
