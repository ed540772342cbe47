// What UEFI remembers of a kept VM, for people.

import Boot
import Machine

extension VM {
    /// Where the guest's systemd says that it hibernated to: an object of JSON, in printable characters; nil if it says
    /// nothing, or if the VM has no UEFI.
    public var hibernateLocation: String? {
        guard let file = try? HostFile(path: variablesPath, role: "firmware's variables"),
            let bytes = try? file.read(count: FirmwareVariables.maximumByteCount),
            let text = FirmwareVariables(flash: bytes)?.hibernateLocation
        else { return nil }
        // The guest wrote it, and a terminal obeys what is not printable.
        return String(text.map { $0.isASCII && ($0.asciiValue ?? 0) >= 0x20 && $0.asciiValue != 0x7F ? $0 : "?" })
    }
}
