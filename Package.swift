// swift-tools-version: 6.2
// The modules stand in the order of ARCHITECTURE.md: imports point up this list only.

import PackageDescription

/// For every target: warnings do not land.
let common: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// For targets that have no business with unsafe memory: the compiler refuses it.
let safe: [SwiftSetting] = common + [.strictMemorySafety()]

/// For tests that wait rather than compute: to optimise them takes longer than it saves.
let waiting: [SwiftSetting] = common + [.unsafeFlags(["-Onone"])]

let package = Package(
    name: "dormouse",
    products: [
        .library(name: "PSCI", targets: ["PSCI"]),
        // The CPU alone, with the memory and the bus that it runs on.
        .library(name: "A64CPU", targets: ["Arm64", "Hypervisor", "Emulator"]),
        .library(name: "Dormouse", targets: ["Dormouse"]),
        .executable(name: "dormouse", targets: ["DormouseCommand"]),
        .executable(name: "dormouse-serve", targets: ["dormouse-serve"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        .target(name: "Bytes", swiftSettings: safe),
        .target(name: "HostSupport", swiftSettings: common),
        .systemLibrary(name: "CCompression"),
        .target(name: "Decompression", dependencies: ["CCompression"], swiftSettings: common),
        .target(
            name: "DiskImages", dependencies: ["Bytes", "Decompression", "HostSupport"], swiftSettings: common),
        .systemLibrary(name: "CExtendedAttributes"),
        .target(name: "NinePFS", dependencies: ["Bytes", "CExtendedAttributes"], swiftSettings: common),
        .target(name: "PSCI", swiftSettings: safe),
        .target(name: "Arm64", swiftSettings: safe),
        .target(name: "Hypervisor", dependencies: ["Arm64"], swiftSettings: common),
        .target(name: "Emulator", dependencies: ["Arm64", "Hypervisor"], swiftSettings: common),
        .target(
            name: "Devices",
            dependencies: [
                "Bytes", "DiskImages", "HostSupport", "Hypervisor", "NinePFS",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: common),
        .target(name: "Boot", dependencies: ["Bytes", "Hypervisor"], swiftSettings: safe),
        .target(
            name: "Hibernation",
            dependencies: [
                "Bytes", "DiskImages", "HostSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: safe),
        .target(
            name: "Machine",
            dependencies: [
                "Bytes", "Decompression", "DiskImages", "HostSupport", "NinePFS", "PSCI", "Arm64", "Hypervisor",
                "Devices",
                "Boot", "Hibernation",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: common),
        .target(
            name: "PSCIConformance", dependencies: ["HostSupport", "PSCI", "Hypervisor", "Machine"],
            swiftSettings: common),
        .target(
            name: "KeptVMs",
            dependencies: [
                "Bytes", "DiskImages", "HostSupport", "PSCI", "Arm64", "Devices", "Hibernation", "Machine",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ],
            swiftSettings: safe),
        .target(name: "QEMUMonitor", dependencies: ["Bytes", "HostSupport"], swiftSettings: safe),
        .target(name: "GDBServer", dependencies: ["Bytes", "HostSupport"], swiftSettings: safe),
        .target(
            name: "HostServer",
            dependencies: [
                "Bytes", "HostSupport", "KeptVMs",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            resources: [
                .embedInCode("openapi.json"), .embedInCode("Page/index.html"), .embedInCode("Page/page.js"),
                .embedInCode("Page/terminal.js"), .embedInCode("Page/console.js"),
                .embedInCode("Page/style.css"),
            ],
            swiftSettings: common),
        .target(
            name: "Dormouse",
            dependencies: [
                "Boot", "Devices", "DiskImages", "Emulator", "Hibernation", "HostSupport", "Hypervisor", "KeptVMs",
                "Machine", "PSCI",
            ],
            swiftSettings: common),
        .executableTarget(
            name: "DormouseCommand",
            dependencies: [
                "Bytes", "DiskImages", "HostSupport", "NinePFS", "PSCI", "Arm64", "Hypervisor", "Emulator", "Devices",
                "Boot", "Hibernation", "Machine", "PSCIConformance", "KeptVMs", "QEMUMonitor", "GDBServer",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/dormouse",
            swiftSettings: common),

        .executableTarget(
            name: "dormouse-serve",
            dependencies: [
                "HostServer", "HostSupport", "KeptVMs",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: common),

        .executableTarget(
            name: "benchmark",
            dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Benchmarks/Benchmark",
            swiftSettings: common),

        // Each shows one thing that the libraries are good for; a test runs them.
        .executableTarget(
            name: "ExamplePSCIPlatform", dependencies: ["PSCI"], path: "Examples/PSCIPlatform", swiftSettings: common),
        .executableTarget(
            name: "ExampleBoot", dependencies: ["Dormouse"], path: "Examples/Boot", swiftSettings: common),
        .executableTarget(
            name: "ExampleTwoMachines", dependencies: ["Dormouse"], path: "Examples/TwoMachines", swiftSettings: common),
        .executableTarget(
            name: "ExampleBareCPU", dependencies: ["Arm64", "Hypervisor", "Emulator"], path: "Examples/BareCPU",
            swiftSettings: common),

        // What tests of all modules share: traits, and nothing of Dormouse.
        .target(name: "TestSupport", path: "Tests/Support", swiftSettings: common),

        .testTarget(name: "BytesTests", dependencies: ["Bytes"], swiftSettings: common),
        .testTarget(name: "HostSupportTests", dependencies: ["HostSupport", "TestSupport"], swiftSettings: waiting),
        .testTarget(
            name: "DecompressionTests", dependencies: ["Decompression", "TestSupport"], swiftSettings: common),
        .testTarget(
            name: "DiskImagesTests", dependencies: ["Devices", "DiskImages", "HostSupport", "TestSupport"],
            swiftSettings: common),
        .testTarget(
            name: "NinePFSTests", dependencies: ["Bytes", "CExtendedAttributes", "NinePFS", "TestSupport"],
            swiftSettings: waiting),
        .testTarget(name: "PSCITests", dependencies: ["PSCI"], swiftSettings: waiting),
        .testTarget(name: "Arm64Tests", dependencies: ["Arm64"], swiftSettings: common),
        .testTarget(name: "HypervisorTests", dependencies: ["Hypervisor"], swiftSettings: common),
        .testTarget(name: "EmulatorTests", dependencies: ["Emulator", "TestSupport"], swiftSettings: common),
        .testTarget(
            name: "DevicesTests",
            dependencies: ["Bytes", "Devices", "DiskImages", "HostSupport", "NinePFS", "TestSupport"],
            swiftSettings: common),
        .testTarget(name: "BootTests", dependencies: ["Boot", "Bytes", "TestSupport"], swiftSettings: common),
        .testTarget(
            name: "HibernationTests", dependencies: ["DiskImages", "Hibernation", "HostSupport", "TestSupport"],
            exclude: ["Fixtures"],
            swiftSettings: common),
        .testTarget(
            name: "MachineTests",
            dependencies: [
                "Arm64", "Bytes", "DiskImages", "Emulator", "Hibernation", "HostSupport", "Hypervisor", "Machine",
                "NinePFS", "PSCI", "TestSupport",
            ],
            exclude: ["Golden"],
            swiftSettings: waiting),
        .testTarget(
            name: "PSCIConformanceTests", dependencies: ["PSCI", "PSCIConformance"], swiftSettings: common),
        .testTarget(
            name: "KeptVMsTests",
            dependencies: [
                "Devices", "DiskImages", "Emulator", "Hibernation", "KeptVMs", "HostSupport", "Machine", "TestSupport",
            ],
            swiftSettings: waiting),
        // Runs the server as a user does.
        .testTarget(
            name: "HostServerTests",
            dependencies: ["HostServer", "HostSupport", "KeptVMs", "TestSupport"],
            exclude: ["schemathesis.toml"],
            swiftSettings: waiting),
        .testTarget(
            name: "QEMUMonitorTests", dependencies: ["HostSupport", "QEMUMonitor", "TestSupport"],
            swiftSettings: waiting
        ),
        .testTarget(
            name: "GDBServerTests", dependencies: ["Bytes", "GDBServer", "HostSupport"], swiftSettings: waiting),
        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "Arm64", "Boot", "Bytes", "Devices", "DiskImages", "DormouseCommand", "Hibernation", "HostSupport",
                "KeptVMs", "Machine", "NinePFS", "PSCI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"), "TestSupport",
            ],
            exclude: ["Fixtures"],
            swiftSettings: waiting),
        // Runs the executable as a user does; the modules only where there is no command for it.
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["Boot", "Bytes", "CExtendedAttributes", "Devices", "Hibernation", "TestSupport"],
            swiftSettings: common),
    ],
    swiftLanguageModes: [.v6]
)
