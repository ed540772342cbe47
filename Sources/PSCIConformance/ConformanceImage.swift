// Where the conformance guest's image is: Guests/build makes it, and it is looked for beside the executable.
//
// It is no part of the executable: whoever builds Dormouse without the bare-metal toolchain has everything but this.

import Glibc
import Machine

/// Finds the image of Guests/Conformance.
public enum ConformanceImage {
    private static let name = "Conformance.bin"

    /// The first that there is: beside the executable, in ../share/dormouse, or in the source tree that the executable
    /// was built in.
    public static func find() -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { return nil }
        var directory = String(decoding: buffer.prefix(count), as: UTF8.self)
        func goUp() { directory = String(directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]) }
        goUp()
        var candidates = ["\(directory)/\(name)", "\(directory)/../share/dormouse/\(name)"]
        // .build/TRIPLE/CONFIGURATION
        for _ in 0..<3 { goUp() }
        candidates.append("\(directory)/Guests/.build/\(name)")
        return candidates.first { access($0, R_OK) == 0 }
    }

    /// What is in the file at `path`.
    public static func bytes(ofFileAt path: String) throws(MachineError) -> [UInt8] {
        let file = try HostFile(path: path, role: "conformance guest")
        return try file.read(count: Int(file.byteCount))
    }
}
