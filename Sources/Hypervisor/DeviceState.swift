// What a device knows, as a value that can be kept and given to another device of the same kind.
//
// Responsible for: one form for all of them, and what is wrong with one that is refused. Not responsible for what the
// fields mean, which each device says and checks for itself, nor for RAM, disks and whatever else is not a device's
// own.
//
// The fields are JSON with sorted keys: equal states are equal texts. Only that form is taken, so that nothing in a
// text can be overlooked: a key that is not known, a number that does not fit, a field that is there twice.

import FoundationEssentials

/// The state of one device.
public struct DeviceState: Codable, Hashable, Sendable {
    /// Whose state it is, and in which version of its fields.
    public struct Kind: Codable, Hashable, Sendable {
        /// The device by the name of its specification, in lower case: `pl011`.
        public var name: String
        /// Another number whenever the fields or their meaning change.
        public var version: Int

        public init(_ name: String, version: Int) {
            self.name = name
            self.version = version
        }
    }

    public var kind: Kind
    /// Canonical JSON.
    public var fields: String

    /// The state of a device of `kind` that consists of `fields`.
    ///
    /// - Throws: `unrepresentable` if a field is not a number, a text, or made of such.
    public init(_ kind: Kind, _ fields: some Encodable) throws(DeviceStateError) {
        self.kind = kind
        self.fields = try Self.canonical(fields, kind)
    }

    /// The fields, if this is a state of `kind`. Whether the values are possible is for the device to say.
    public func fields<Fields: Codable>(_ type: Fields.Type, of kind: Kind) throws(DeviceStateError) -> Fields {
        guard self.kind.name == kind.name else { throw .kind(self.kind.name, expected: kind.name) }
        guard self.kind.version == kind.version else { throw .version(self.kind) }
        let decoded: Fields
        do {
            decoded = try JSONDecoder().decode(Fields.self, from: Data(fields.utf8))
        } catch { throw .malformed(kind.name) }
        guard try Self.canonical(decoded, kind) == fields else { throw .malformed(kind.name) }
        return decoded
    }

    private static func canonical(_ fields: some Encodable, _ kind: Kind) throws(DeviceStateError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(fields), as: UTF8.self)
        } catch { throw .unrepresentable(kind.name) }
    }
}

/// Why a state is not taken. A device that refuses one is as it was before.
public enum DeviceStateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is the state of another kind of device.
    case kind(String, expected: String)
    /// Its fields are of another version than this device's.
    case version(DeviceState.Kind)
    /// Its text is not what a device of this kind writes.
    case malformed(String)
    /// A device of this kind has something to save that cannot be written down: a mistake in the device.
    case unrepresentable(String)
    /// A field, by its path, has a value that the device can never have.
    case impossible(String)
    /// A part of the machine has no state here.
    case missing(String)
    /// There is no such part in the machine.
    case unexpected(String)

    public var description: String {
        switch self {
        case .kind(let found, let expected): "the state of a \(found) is no state of a \(expected)"
        case .version(let kind): "version \(kind.version) of the state of a \(kind.name) is not known"
        case .malformed(let kind): "the state of a \(kind) is malformed"
        case .unrepresentable(let kind): "the state of a \(kind) cannot be written down"
        case .impossible(let field): "no device can be in a state with this value: \(field)"
        case .missing(let part): "there is no state of \(part)"
        case .unexpected(let part): "there is a state of \(part), which the machine does not have"
        }
    }

    /// Throws `impossible` unless `holds`.
    public static func check(_ holds: Bool, _ field: @autoclosure () -> String) throws(DeviceStateError) {
        guard holds else { throw .impossible(field()) }
    }

    /// Runs `body`, whose fields are below `path`.
    public static func below<Result>(
        _ path: @autoclosure () -> String, _ body: () throws(DeviceStateError) -> Result
    ) throws(DeviceStateError) -> Result {
        do throws(DeviceStateError) {
            return try body()
        } catch {
            guard case .impossible(let field) = error else { throw error }
            throw .impossible(path() + "." + field)
        }
    }
}
