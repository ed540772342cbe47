// What the process was given as bytes and reads as text.
//
// A path is any bytes on Linux. Here paths are text, in UTF-8, in vm.toml and in reports too, so that others are
// refused rather than taken for other paths.

import Glibc

enum InheritedText {
    /// Why the arguments or the environment cannot be read; nil if all of it is UTF-8.
    static var unreadable: String? {
        for index in 0..<Int(CommandLine.argc) {
            // Safe: the C library's own array, which nobody changes.
            guard let argument = CommandLine.unsafeArgv[index], String(validatingCString: argument) == nil else {
                continue
            }
            return "argument \(index), \(String(cString: argument)), is not UTF-8; "
                + "give the file another name, or a symbolic link with one"
        }
        for name in ["DORMOUSE_STORE", "XDG_DATA_HOME", "HOME"] {
            guard let value = getenv(name), String(validatingCString: value) == nil else { continue }
            return "the environment variable \(name), \(String(cString: value)), is not UTF-8; set another path"
        }
        return nil
    }
}
