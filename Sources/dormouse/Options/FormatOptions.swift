// How a command prints what programs may want, too: for people, or as JSON. One option for all that do.
//
// Responsible for: which of the two it is. Not responsible for: the shape of either, which is each command's. As a rule
// what is looked up is one value of JSON, and what goes on, or may be long, an object in each line.

import ArgumentParser

/// A form of output.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case text
    case json
}

struct FormatOptions: ParsableArguments {
    @Option(help: ArgumentHelp("text for people, or json for programs. (default: text)", valueName: "format"))
    var format: OutputFormat?

    @Flag(help: "The same as --format json.")
    var json = false

    func validate() throws {
        guard !json || format != .text else {
            throw ValidationError("--json is --format json, and --format text something else: give one of them")
        }
    }

    var isJSON: Bool { json || format == .json }
}
