// FACS: the Firmware ACPI Control Structure, for the hardware signature in it. ACPI 6.5, section 5.2.10.
//
// A guest keeps the signature with its hibernation image, and takes the image only if the signature is the same
// (section 16.1.3.1, step 2): it says whether the machine is still the one that hibernated. With 0 Linux checks
// nothing.

import Bytes

enum FACS {
    static let byteCount = 64
    private static let version: UInt8 = 2

    private enum Offset {
        static let length = 4
        static let hardwareSignature = 8
        static let version = 32
    }

    static func bytes(hardwareSignature: UInt32) -> [UInt8] {
        var bytes = Array("FACS".utf8)
        bytes.append(zeros: byteCount - bytes.count)
        bytes.replace(at: Offset.length, littleEndian: UInt32(byteCount))
        bytes.replace(at: Offset.hardwareSignature, littleEndian: hardwareSignature)
        bytes.replace(at: Offset.version, littleEndian: version)
        return bytes
    }
}
