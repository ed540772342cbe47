// The two numbers of a device, as sysfs names it.

/// A device number of the kernel's, taken apart.
public struct DeviceNumber: Hashable, Sendable {
    public var major: UInt32
    public var minor: UInt32

    /// Glibc's sys/sysmacros.h, whose macros Swift does not see: 12 and 20 bits of the kernel's, the lowest 8 of each
    /// where they were when there were no others.
    public init(_ number: UInt) {
        major = UInt32(truncatingIfNeeded: number >> 8 & 0xFFF | number >> 32 & 0xFFFF_F000)
        minor = UInt32(truncatingIfNeeded: number & 0xFF | number >> 12 & 0xFFFF_FF00)
    }
}
