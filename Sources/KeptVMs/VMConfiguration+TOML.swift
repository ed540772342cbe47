// `vm.toml`: written once, when the VM is made; from then on it belongs to the person who edits it.

import Machine
import TOMLKit

extension VMConfiguration {
    private static let preamble = """
        # A virtual machine of Dormouse. Edit it while the VM does not run; docs/hibernation.md says what each key is, and what
        # becomes of a hibernated guest when something that it can see is changed here.


        """

    /// The text of the file.
    public func toml() throws(VMConfigurationError) -> String {
        do {
            return Self.preamble + (try TOMLEncoder().encode(self) as String) + "\n"
        } catch { throw VMConfigurationError("it cannot be written as TOML (\(error))") }
    }

    /// Reads the text of a file.
    public init(toml text: String) throws(VMConfigurationError) {
        do {
            let table = try TOMLTable(string: text)
            // The decoder's own errors are about Swift's types, and it passes over keys that it does not know.
            try Self.checkKeys(of: table, text: text)
            self = try TOMLDecoder().decode(VMConfiguration.self, from: table)
        } catch let error as VMConfigurationError {
            throw error
        } catch let error as TOMLParseError {
            let place = error.source.begin
            throw VMConfigurationError("line \(place.line), column \(place.column): \(error.description)")
        } catch let error as DecodingError {
            throw VMConfigurationError(Self.words(error))
        } catch { throw VMConfigurationError("\(error)") }
    }

    private static func words(_ error: DecodingError) -> String {
        func name(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
        return switch error {
        case .keyNotFound(let key, let context): "there is no key \(name(context.codingPath + [key]))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "the value of \(name(context.codingPath)) is of the wrong type"
        case .dataCorrupted(let context):
            "the value of \(name(context.codingPath)) is none of those that there are"
        @unknown default: "\(error)"
        }
    }
}
