// What tests read of the file that `--report` writes: docs/cli.md describes it.

import Foundation

struct Report: Decodable {
    var end: End
    var boots: Int
    var guestInstructions: UInt64
    var psci: PSCI
    var disks: [Disk]
    var hibernationImages: [Image]
    var configuration: Configuration
    var console: Console
    var vm: VM?

    struct Console: Decodable {
        var panic: String?
        var lines: [String]
    }

    struct VM: Decodable {
        var start: String
        var recordMilliseconds: Double?
    }

    struct End: Decodable {
        var kind: String
        var exitCode: Int32
        var words: String
    }

    struct PSCI: Decodable {
        var version: String
        var conduit: String
        var lastSystemCall: SystemCall?
        var refusedSystemOff2: Bool
        var functions: [String]
        var powerDowns: [PowerDown]?
    }

    struct PowerDown: Decodable {
        var core: Int
        var count: UInt64
        var microseconds: UInt64
    }

    struct SystemCall: Decodable {
        var functionID: String
        var name: String
        var type: UInt32?
        var cookie: String?
        var core: Int
        var pc: String

        /// Whether Linux itself called: it runs in the upper half of the addresses, and has the runtime services of
        /// UEFI in the lower one.
        var isLinuxs: Bool { UInt64(pc.dropFirst(2), radix: 16).map { $0 >> 63 == 1 } ?? false }
    }

    struct Disk: Decodable {
        var path: String
        var reads: UInt64
        var writes: UInt64
        var flushes: UInt64
        var failures: UInt64
    }

    struct Image: Decodable {
        var path: String
        var found: Bool
        var hardwareSignature: String?
    }

    struct Configuration: Decodable {
        var cpu: String?
        var firmware: String
        var hardwareSignature: String?
        var generationID: String?
    }
}
