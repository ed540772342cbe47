// A reader of UEFI's variables that we did not write: PyPI's `virt-firmware`, as scripts/setup leaves it.

import Foundation
import TestSupport
import Testing

/// PyPI's `virt-fw-vars`.
enum VirtFirmware {
    static let isThere = FileManager.default.isReadableFile(
        atPath: PythonQMP.packages + "/virt/firmware/vars.py")
    static let whyNot: Comment = "PyPI's virt-firmware is not installed: run scripts/setup"

    /// The variables that are in a flash's file, by "NAME VENDOR" as EFI writes a GUID.
    static func variables(_ file: URL) throws -> [String: [UInt8]] {
        struct Dump: Decodable {
            struct Variable: Decodable {
                var name: String
                var guid: String
                var data: String
            }
            var variables: [Variable]
        }
        let output = file.appendingPathExtension("dump")
        let environment = PythonQMP.environment.map { "\($0.key)=\($0.value)" }
        try Command.tool(
            "env",
            environment + ["python3", "-m", "virt.firmware.vars", "--input", file.path, "--output-json", output.path])
        let dump = try JSONDecoder().decode(Dump.self, from: Data(contentsOf: output))
        try FileManager.default.removeItem(at: output)
        return Dictionary(
            uniqueKeysWithValues: dump.variables.map { ("\($0.name) \($0.guid.uppercased())", [UInt8](hex: $0.data)) })
    }
}

extension [UInt8] {
    /// The bytes that pairs of hexadecimal digits are.
    init(hex: some StringProtocol) {
        let digits = Array<UInt8>(hex.utf8)
        self = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
    }
}
