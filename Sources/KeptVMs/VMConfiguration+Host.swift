// What the host does with a VM, as `vm.toml` has it. The guest sees nothing of it, so that it may change while the
// guest sleeps.

import Machine

extension VMConfiguration {
    /// The section `[host]`.
    public struct Host: Codable, Hashable, Sendable {
        /// How long the guest has to do what its buttons ask for, such as `2m`.
        public var timeout: String?
        /// What is done with a guest that did not hibernate in that time.
        public var then: LastResort?
        /// The most memory of the host that the VM's process may have, such as `2G`.
        public var memoryMax: String?
        /// How much time of the host's CPUs it may have, in hundredths of one CPU, such as `150%`.
        public var cpuQuota: String?

        enum CodingKeys: String, CodingKey {
            case timeout, then
            case memoryMax = "memory-max"
            case cpuQuota = "cpu-quota"
        }

        public init() {}

        /// The longest timeout: a day.
        public static let maximumTimeoutSeconds = 86_400
        /// A quota that means something to a host: every CPU of a large one.
        private static let maximumQuota = 1_000_000

        public func timeoutSeconds() throws(VMConfigurationError) -> Int? {
            guard let timeout else { return nil }
            let seconds = try VMConfiguration.seconds(timeout)
            guard seconds <= Self.maximumTimeoutSeconds else {
                throw VMConfigurationError("host.timeout = \"\(timeout)\" is longer than a day")
            }
            return Int(seconds)
        }

        /// - Parameter memoryByteCount: the guest's, which has to have room.
        public func memoryMaxByteCount(for memoryByteCount: UInt64) throws(VMConfigurationError) -> UInt64? {
            guard let memoryMax else { return nil }
            guard let size = MemorySize(memoryMax) else {
                throw VMConfigurationError("host.memory-max = \"\(memoryMax)\" is no size such as \"512M\" or \"2G\"")
            }
            guard size.byteCount > memoryByteCount else {
                throw VMConfigurationError(
                    "host.memory-max = \"\(memoryMax)\" leaves the VM's process no room beside its guest's memory")
            }
            return size.byteCount
        }

        /// Hundredths of one CPU.
        public func cpuQuotaPercent() throws(VMConfigurationError) -> Int? {
            guard let cpuQuota else { return nil }
            guard cpuQuota.hasSuffix("%"), let percent = Int(cpuQuota.dropLast()),
                (1...Self.maximumQuota).contains(percent)
            else { throw VMConfigurationError("host.cpu-quota = \"\(cpuQuota)\" is no share such as \"150%\"") }
            return percent
        }

        func check(_ machine: MachineConfiguration) throws(VMConfigurationError) {
            _ = try timeoutSeconds()
            _ = try memoryMaxByteCount(for: machine.memoryByteCount)
            _ = try cpuQuotaPercent()
        }
    }

    /// What is done with a guest that does not do what its button asks for.
    public enum LastResort: String, Codable, CaseIterable, Sendable {
        /// It goes on.
        case nothing
        /// Its power button is pressed, and its run is ended if that does not help either.
        case stop
        /// Its run is ended, and the guest is not asked.
        case kill
    }
}
