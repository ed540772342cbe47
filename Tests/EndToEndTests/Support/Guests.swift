// The guests that tests start, and where they come from.

import Foundation
import Testing

/// Debian's kernels, as scripts/fetch-guests and scripts/make-initramfs left them.
enum LinuxGuest: String, CaseIterable {
    /// Ends hibernation with SYSTEM_OFF2.
    case systemOff2 = "linux-system-off2"
    /// Ends hibernation with SYSTEM_OFF: older than Linux 6.13.
    case systemOff = "linux-system-off"
    /// Debian 12's, Linux 6.1: the oldest whose images are read.
    case bookworm = "linux-bookworm"
    /// With pages of 16 KiB.
    case pages16K = "linux-16k"

    var kernel: URL { Self.directory.appending(path: rawValue).appending(path: "vmlinuz") }
    var initrd: URL { Self.directory.appending(path: rawValue).appending(path: "initramfs.cpio") }

    /// Whether its initramfs loads a module that it can do without.
    func hasModule(_ name: String) -> Bool {
        let list = Self.directory.appending(path: rawValue).appending(path: "modules/optional")
        let names = (try? String(contentsOf: list, encoding: .utf8))?.split(separator: "\n") ?? []
        return names.contains(name[...])
    }

    /// Its name, as the kernel's package has it.
    var release: String {
        get throws {
            let file = Self.directory.appending(path: rawValue).appending(path: "release")
            return try String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    static let areThere = allCases.allSatisfy { guest in
        [guest.kernel, guest.initrd].allSatisfy { FileManager.default.isReadableFile(atPath: $0.path) }
    }
    static let whyNot: Comment = """
        there are no Linux guests in \(directory.path): run scripts/fetch-guests and scripts/make-initramfs, or set \
        DORMOUSE_GUESTS
        """

    /// DORMOUSE_GUESTS, or where the scripts put them.
    static let directory: URL = {
        let environment = ProcessInfo.processInfo.environment
        if let guests = environment["DORMOUSE_GUESTS"] { return URL(filePath: guests) }
        let caches =
            environment["XDG_CACHE_HOME"].map { URL(filePath: $0) }
            ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache")
        let cache = environment["DORMOUSE_CACHE"].map { URL(filePath: $0) } ?? caches.appending(path: "dormouse")
        return cache.appending(path: "guests")
    }()
}

/// Debian's UEFI, as scripts/fetch-guests left it.
enum UEFI {
    static let code = LinuxGuest.directory.appending(path: "uefi/AAVMF_CODE.fd")
    /// Of its variables.
    static let template = LinuxGuest.directory.appending(path: "uefi/AAVMF_VARS.fd")
    static let isThere = FileManager.default.isReadableFile(atPath: code.path)
    static let whyNot: Comment = "there is no UEFI in \(LinuxGuest.directory.path): run scripts/fetch-guests"

    /// Options of `dormouse run` and `dormouse create`.
    static let options = ["--model", "virt-2", "--firmware", firmware]
    static let firmware = "uefi=\(code.path)"
}

/// The guests that Guests/build makes.
enum BareMetalGuest: String, CaseIterable {
    case conformance = "Conformance"
    case fuzz = "Fuzz"
    case idle = "Idle"
    case spin = "Spin"
    case systemOff2 = "SystemOff2"

    var image: URL { SourceTree.root.appending(path: "Guests/.build/\(rawValue).bin") }

    static let areThere = allCases.allSatisfy { FileManager.default.isReadableFile(atPath: $0.image.path) }
    static let whyNot: Comment = "there are no bare-metal guests: run Guests/build"
}

enum SourceTree {
    /// The top of the source tree.
    static let root = (0..<4).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
}
