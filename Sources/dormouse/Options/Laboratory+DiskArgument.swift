// The laboratory's rules about disks as the command line says them. Disks and requests are numbered as docs/faults.md
// says: disks from 0, requests from 1.
//
//   disk0.write#120=cut          the power goes at the write, before anything of it is done; also read# and flush#
//   disk0.write#120=tear:3       the power goes in the middle of the write: 3 sectors are on the medium
//   disk0.unflushed=lose         what a power cut leaves of unflushed writes: lose, keep or reorder:SEED
//   disk0.write#9=EIO            the host's storage fails so: EIO or ENOSPC; also read# and flush#
//   disk0.write#9=short:2        2 sectors of the write are done, then it fails
//   disks.record=FILE            what the guest does to its disks, and to UEFI's variables, is logged

import Devices
import Machine

extension Laboratory {
    mutating func addDisk(_ subject: Substring, _ value: String) throws(LaboratoryArgumentError) {
        if subject == "disks.record" {
            guard !value.isEmpty else {
                throw LaboratoryArgumentError(description: "disks.record= needs a file to write the log to")
            }
            diskLog = value
            return
        }
        let parts = subject.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let disk = Int(parts[0].dropFirst("disk".count)), disk >= 0 else {
            throw LaboratoryArgumentError(
                description: "\(subject) is no part of a disk; say disk0.write#120, disk0.unflushed or disks.record")
        }
        let faults =
            if parts[1] == "unflushed" {
                DiskFaults(unflushed: try Self.unflushed(value))
            } else {
                DiskFaults(rules: [try Self.rule(parts[1], value)])
            }
        disks[disk] = (disks[disk] ?? DiskFaults()).adding(faults)
    }

    private static func unflushed(_ text: String) throws(LaboratoryArgumentError) -> DiskFaults.Unflushed {
        switch text {
        case "lose": return .lose
        case "keep": return .keep
        default:
            guard let seed = number(text, after: "reorder:") else {
                throw LaboratoryArgumentError(
                    description: "\(text) cannot become of unflushed writes; say lose, keep or reorder:SEED")
            }
            return .reorder(seed: seed)
        }
    }

    private static func rule(_ occasion: Substring, _ value: String) throws(LaboratoryArgumentError) -> DiskFaults.Rule
    {
        let parts = occasion.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let request = DiskFaults.Request(rawValue: String(parts[0])),
            let count = UInt64(parts[1]), count >= 1
        else {
            throw LaboratoryArgumentError(
                description: "\(occasion) is no request; say which one, from 1, such as read#9, write#120 or flush#4")
        }
        return DiskFaults.Rule(request, count, try action(value, on: request))
    }

    private static func action(
        _ text: String, on request: DiskFaults.Request
    ) throws(LaboratoryArgumentError) -> DiskFaults.Action {
        if text == "cut" { return .cut }
        if let error = DiskFaults.HostError(rawValue: text) { return .fail(error) }
        if request == .write, let sectors = number(text, after: "tear:").flatMap(Int.init(exactly:)) {
            return .tear(sectors: sectors)
        }
        if request == .write, let sectors = number(text, after: "short:").flatMap(Int.init(exactly:)) {
            return .short(sectors: sectors)
        }
        throw LaboratoryArgumentError(
            description: "\(text) is nothing that a \(request.rawValue) can do; say cut, EIO or ENOSPC"
                + (request == .write ? ", tear:SECTORS or short:SECTORS" : ""))
    }

    private static func number(_ text: String, after prefix: String) -> UInt64? {
        text.hasPrefix(prefix) ? UInt64(text.dropFirst(prefix.count)) : nil
    }
}
