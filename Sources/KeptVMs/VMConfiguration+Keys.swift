// The keys that `vm.toml` may have, and what their values are: so that a word that is misspelt is an error rather than
// a setting that is silently not there.
//
// Responsible for: names and kinds of values. Not responsible for: which values mean something, which `machine()` says.
// A key that is added to `VMConfiguration` is added here, too; a test writes every one of them.

import Hibernation
import Machine
import TOMLKit

/// What a value in `vm.toml` is.
indirect enum ConfigurationValue: Sendable {
    case text(example: String)
    case number(example: Int)
    case flag
    case texts(example: String)
    case choice([String])
    case table([ConfigurationKey])
    case tables([ConfigurationKey])

    /// To follow "has to be".
    var words: String {
        switch self {
        case .text(let example): "text, such as \"\(example)\""
        case .number(let example): "a whole number, such as \(example)"
        case .flag: "true or false"
        case .texts(let example): "a list of texts, such as [\"\(example)\"]"
        case .choice(let choices): "one of \(choices.map { "\"\($0)\"" }.joined(separator: ", "))"
        case .table: "a section of its own"
        case .tables: "a section of its own, in double brackets"
        }
    }
}

struct ConfigurationKey: Sendable {
    var name: String
    var value: ConfigurationValue
    var isRequired = true

    init(_ name: String, _ value: ConfigurationValue, isRequired: Bool = true) {
        self.name = name
        self.value = value
        self.isRequired = isRequired
    }
}

extension VMConfiguration {
    static let keys = [
        ConfigurationKey("schema", .number(example: currentSchema)),
        ConfigurationKey("model", .text(example: "virt-1")),
        ConfigurationKey("cpu", .text(example: "dormouse-2"), isRequired: false),
        ConfigurationKey("cpus", .number(example: 2)),
        ConfigurationKey("memory", .text(example: "512M")),
        ConfigurationKey("kernel", .text(example: "/boot/vmlinuz"), isRequired: false),
        ConfigurationKey("kernel-format", .text(example: "auto")),
        ConfigurationKey("initrd", .text(example: "/boot/initrd.img"), isRequired: false),
        ConfigurationKey("append", .text(example: "console=ttyAMA0")),
        ConfigurationKey("firmware", .text(example: "acpi"), isRequired: false),
        ConfigurationKey("uefi-code", .text(example: "/usr/share/AAVMF/AAVMF_CODE.fd"), isRequired: false),
        ConfigurationKey("boot", .texts(example: "disk0"), isRequired: false),
        ConfigurationKey("boot-menu", .number(example: 5), isRequired: false),
        ConfigurationKey("generation-id", .text(example: "00112233445566778899aabbccddeeff"), isRequired: false),
        ConfigurationKey("uuid", .text(example: "00112233-4455-4677-8899-aabbccddeeff"), isRequired: false),
        ConfigurationKey("console", .text(example: "pl011")),
        ConfigurationKey("clock", .text(example: "host")),
        ConfigurationKey("seed", .number(example: 1), isRequired: false),
        ConfigurationKey("watchdog", .text(example: "reset"), isRequired: false),
        ConfigurationKey(
            "psci",
            .table([
                ConfigurationKey("version", .text(example: "1.3")),
                ConfigurationKey("conduit", .text(example: "hvc")),
                ConfigurationKey("functions", .texts(example: "PSCI_VERSION")),
                ConfigurationKey("power-state-format", .text(example: "original")),
                ConfigurationKey("idle-states", .texts(example: "core-standby")),
                ConfigurationKey("trusted-os", .text(example: "none")),
                ConfigurationKey("cores-per-cluster", .number(example: 4)),
            ])),
        ConfigurationKey(
            "hibernation",
            .table([
                ConfigurationKey("on-change", .choice(OnChange.allCases.map(\.rawValue))),
                ConfigurationKey("on-expiry", .choice(OnExpiry.allCases.map(\.rawValue))),
                ConfigurationKey("expires-after", .text(example: "60d"), isRequired: false),
                ConfigurationKey("disk-hash", .choice(DiskHash.allCases.map(\.rawValue))),
            ])),
        ConfigurationKey(
            "guest",
            .table([
                ConfigurationKey("hostname", .text(example: "demo"), isRequired: false),
                ConfigurationKey("user", .text(example: "demo"), isRequired: false),
                ConfigurationKey("ssh-keys", .texts(example: "ssh-ed25519 AAAA…"), isRequired: false),
                ConfigurationKey("sleep-button", .choice(GuestSetup.SleepButton.allCases.map(\.rawValue))),
                ConfigurationKey("agent", .flag, isRequired: false),
            ]), isRequired: false),
        ConfigurationKey(
            "host",
            .table([
                ConfigurationKey("timeout", .text(example: "2m"), isRequired: false),
                ConfigurationKey("then", .choice(LastResort.allCases.map(\.rawValue)), isRequired: false),
                ConfigurationKey("memory-max", .text(example: "2G"), isRequired: false),
                ConfigurationKey("cpu-quota", .text(example: "150%"), isRequired: false),
            ]), isRequired: false),
        ConfigurationKey(
            "disk",
            .tables([
                ConfigurationKey("path", .text(example: "/disks/a.img")),
                ConfigurationKey("readonly", .flag),
                ConfigurationKey("format", .text(example: "raw"), isRequired: false),
                ConfigurationKey("on-error", .text(example: "stop"), isRequired: false),
                ConfigurationKey("serial", .text(example: "root"), isRequired: false),
            ]), isRequired: false),
        ConfigurationKey(
            "network",
            .tables([
                ConfigurationKey("kind", .text(example: "user")),
                ConfigurationKey("mac", .text(example: "52:54:00:00:00:1d")),
                ConfigurationKey("mtu", .number(example: 1500)),
                ConfigurationKey("socket", .text(example: "/run/passt.socket"), isRequired: false),
                ConfigurationKey("interface", .text(example: "tap0"), isRequired: false),
                ConfigurationKey("forward", .texts(example: "tcp:127.0.0.1:2222:22"), isRequired: false),
            ]), isRequired: false),
    ]

    /// Throws what is wrong with the keys and the kinds of values in `table`, which was read from `text`.
    static func checkKeys(of table: TOMLTable, text: String) throws(VMConfigurationError) {
        try check(table, keys, ConfigurationPlace(text: text))
    }

    private static func check(
        _ table: TOMLTable, _ keys: [ConfigurationKey], _ place: ConfigurationPlace
    ) throws(VMConfigurationError) {
        for name in table.keys.sorted() {
            guard let key = keys.first(where: { $0.name == name }) else {
                throw VMConfigurationError(
                    "\(place.words(name)) is no key; "
                        + (nearest(to: name, in: place.section).map { "do you mean \($0)?" }
                            ?? "there are \(keys.map(\.name).joined(separator: ", "))"))
            }
            guard let value = table[name], try isRight(value, key, place) else {
                throw VMConfigurationError("\(place.words(name)) has to be \(key.value.words)")
            }
        }
        for key in keys where key.isRequired && !table.contains(key: key.name) {
            throw VMConfigurationError("there is no key \(place.path(key.name)); it has to be \(key.value.words)")
        }
    }

    /// The key that is most like `name`, in words: one of the same section rather than one of another that is as like.
    static func nearest(to name: String, in section: String?) -> String? {
        var candidates = keys.map { (name: $0.name, home: String?.none, place: "the part before all sections") }
        for key in keys {
            switch key.value {
            case .table(let keys):
                candidates += keys.map { (name: $0.name, home: key.name, place: "the section [\(key.name)]") }
            case .tables(let keys):
                candidates += keys.map { (name: $0.name, home: key.name, place: "a section [[\(key.name)]]") }
            case .text, .number, .flag, .texts, .choice: break
            }
        }
        // Those of the same section first: of equals, the first is taken.
        let ordered = candidates.filter { $0.home == section } + candidates.filter { $0.home != section }
        guard let index = EditDistance.nearest(to: name, of: ordered.map(\.name)) else { return nil }
        let found = ordered[index]
        if found.home == section { return found.name }
        return "\(found.home.map { "\($0)." } ?? "")\(found.name), in \(found.place)"
    }

    private static func isRight(
        _ value: any TOMLValueConvertible, _ key: ConfigurationKey, _ place: ConfigurationPlace
    ) throws(VMConfigurationError) -> Bool {
        switch key.value {
        case .text: return value.string != nil
        case .number: return value.int != nil
        case .flag: return value.bool != nil
        case .texts: return value.array?.allSatisfy { $0.string != nil } ?? false
        case .choice(let choices): return value.string.map(choices.contains) ?? false
        case .table(let keys):
            guard let table = value.table else { return false }
            try check(table, keys, place.inside(key.name, number: nil))
            return true
        case .tables(let keys):
            guard let tables = value.array else { return false }
            for (index, element) in tables.enumerated() {
                guard let table = element.table else { return false }
                try check(table, keys, place.inside(key.name, number: index + 1))
            }
            return true
        }
    }
}

/// A section of the file, to say where something is.
struct ConfigurationPlace {
    var text: String
    var section: String?
    /// Of sections in double brackets, from 1 on.
    var number: Int?

    func inside(_ section: String, number: Int?) -> ConfigurationPlace {
        ConfigurationPlace(text: text, section: section, number: number)
    }

    func path(_ key: String) -> String {
        guard let section else { return key }
        return "\(section)\(number.map { "[\($0)]" } ?? "").\(key)"
    }

    /// The key, with its line if that can be told: a key may be written in other ways than at the beginning of a line.
    /// The text is searched for that, so it is for errors only.
    func words(_ key: String) -> String {
        line(of: key).map { "line \($0): \(path(key))" } ?? path(key)
    }

    /// The number of the line that begins with the key, from 1.
    func line(of key: String) -> Int? {
        var isInside = section == nil
        var count = 0
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.drop { $0 == " " || $0 == "\t" }
            if words.hasPrefix("[") {
                let name = words.prefix { $0 != "#" }.filter { !"[] \t\r".contains($0) }
                if name == section { count += 1 }
                isInside = name == section && (number == nil || number == count)
                if section == nil && name == key { return index + 1 }
            } else if isInside {
                let name = words.prefix { !"= \t.".contains($0) }.filter { $0 != "\"" && $0 != "'" }
                if name == key { return index + 1 }
            }
        }
        return nil
    }
}

/// How alike two words are.
package enum EditDistance {
    /// The index of the first of `words` that is most like `word`; nil if none is much like it.
    package static func nearest(to word: String, of words: [String]) -> Int? {
        let distances = words.map { distance(Array(word.utf8.prefix(64)), Array($0.utf8)) }
        guard let index = distances.indices.min(by: { distances[$0] < distances[$1] }) else { return nil }
        return distances[index] <= max(1, words[index].utf8.count / 3) ? index : nil
    }

    /// Letters to insert, drop or replace (Levenshtein's distance).
    static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (index, byte) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (column, otherByte) in other.enumerated() {
                let replaced = diagonal + (byte == otherByte ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[other.count]
    }
}
