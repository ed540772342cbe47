// What a VM is made with: the options of `dormouse create`, by their names there.
//
// Responsible for: which there are, and their types. What they mean, and their defaults, is the command's.

/// The fields of a request for a VM.
enum CreateOptions {
    private static let texts = [
        "model", "cpu", "kernel", "kernel-format", "initrd", "memory", "append", "psci-version", "conduit", "psci",
        "firmware",
        "uefi-vars", "boot", "hardware-signature", "generation-id", "uuid", "hostname", "user", "sleep-button", "clock",
        "console", "watchdog", "on-change", "hibernate-for", "on-expiry", "disk-hash", "hibernate",
        "user-data",
    ]
    private static let lists = ["disk", "net", "ssh-key", "package", "run"]
    private static let flags = ["agent", "cloud-init"]
    private static let numbers = ["boot-menu": 0...65, "cpus": 1...64, "seed": 0...Int(Int32.max)]

    /// All keys, and the VM's name.
    static let keys = (["name"] + texts + lists + flags + numbers.keys).sorted()

    /// The options of `dormouse create`.
    static func arguments(_ fields: RequestBodyFields) throws(Problem) -> [String] {
        try fields.allow(keys)
        var arguments: [String] = []
        for key in texts {
            if let text = try fields.text(key) { arguments.append("--\(key)=\(text)") }
        }
        for key in lists {
            for text in try fields.texts(key) { arguments.append("--\(key)=\(text)") }
        }
        for key in flags where try fields.flag(key) { arguments.append("--\(key)") }
        for (key, range) in numbers.sorted(by: { $0.key < $1.key }) {
            if let number = try fields.number(key, in: range) { arguments.append("--\(key)=\(number)") }
        }
        return arguments
    }
}
