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

let package = Package(
    name: "dormouse",
    products: [
        .library(name: "PSCI", targets: ["PSCI"]),
        .library(name: "Dormouse", targets: ["Hibernation", "Machine", "Host"]),
        .executable(name: "dormouse", targets: ["dormouse"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        .target(name: "HostSupport", swiftSettings: common),
        .target(name: "PSCI", swiftSettings: safe),
        .target(name: "Arm64", swiftSettings: safe),
        .target(name: "Hypervisor", dependencies: ["Arm64"], swiftSettings: common),
        .target(name: "Emulator", dependencies: ["Arm64", "Hypervisor"], swiftSettings: common),
        .target(
            name: "Devices",
            dependencies: ["HostSupport", "Hypervisor", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: common),
        .target(name: "Firmware", dependencies: ["Hypervisor"], swiftSettings: safe),
        .target(
            name: "Hibernation",
            dependencies: [
                "HostSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: safe),
        .target(
            name: "Machine",
            dependencies: [
                "HostSupport", "PSCI", "Arm64", "Hypervisor", "Emulator", "Devices", "Firmware", "Hibernation",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: common),
        .target(
            name: "Host",
            dependencies: [
                "HostSupport", "PSCI", "Devices", "Hibernation", "Machine",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ],
            swiftSettings: safe),
        .executableTarget(
            name: "dormouse",
            dependencies: [
                "Emulator", "Hibernation", "Host", "HostSupport", "Machine", "PSCI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: common),

        .executableTarget(
            name: "benchmark",
            dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Benchmarks/Benchmark",
            swiftSettings: common),

        // What tests of all modules share: traits, and nothing of Dormouse.
        .target(name: "TestSupport", path: "Tests/Support", swiftSettings: common),

        .testTarget(name: "HostSupportTests", dependencies: ["HostSupport", "TestSupport"], swiftSettings: common),
        .testTarget(name: "PSCITests", dependencies: ["PSCI"], swiftSettings: common),
        .testTarget(name: "Arm64Tests", dependencies: ["Arm64"], swiftSettings: common),
        .testTarget(name: "HypervisorTests", dependencies: ["Hypervisor"], swiftSettings: common),
        .testTarget(name: "EmulatorTests", dependencies: ["Emulator", "TestSupport"], swiftSettings: common),
        .testTarget(
            name: "DevicesTests", dependencies: ["Devices", "HostSupport", "TestSupport"], swiftSettings: common),
        .testTarget(name: "FirmwareTests", dependencies: ["Firmware", "TestSupport"], swiftSettings: common),
        .testTarget(
            name: "HibernationTests", dependencies: ["Hibernation", "TestSupport"], exclude: ["Fixtures"],
            swiftSettings: common),
        .testTarget(
            name: "MachineTests", dependencies: ["Hibernation", "HostSupport", "Machine", "TestSupport"],
            exclude: ["Golden"],
            swiftSettings: common),
        .testTarget(
            name: "HostTests",
            dependencies: ["Devices", "Hibernation", "Host", "HostSupport", "Machine", "TestSupport"],
            swiftSettings: common),
        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "dormouse", "Hibernation", "HostSupport", "Machine",
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"), "TestSupport",
            ],
            exclude: ["Fixtures"],
            swiftSettings: common),
        // Runs the executable as a user does; the modules only where there is no command for it.
        .testTarget(
            name: "EndToEndTests", dependencies: ["Devices", "Hibernation", "TestSupport"], swiftSettings: common),
    ],
    swiftLanguageModes: [.v6]
)
