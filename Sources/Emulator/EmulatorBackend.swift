// The software back end, as a machine chooses it.

import Hypervisor

/// Software CPUs: runs every CPU model, on every host.
public struct EmulatorBackend: HypervisorBackend {
    /// How guest code is executed; a guest does not see it.
    public var engine: Engine
    /// The most memory that translated code may take, in bytes.
    public var codeCacheByteCount: Int

    public init(engine: Engine = .auto, codeCacheByteCount: Int = 512 << 20) {
        self.engine = engine
        self.codeCacheByteCount = codeCacheByteCount
    }

    public var name: String { "emulator" }

    public var capabilities: BackendCapabilities {
        [.instructionClock, .budget, .undefinedCalls, .debugging, .semihosting]
    }

    public func makeVM(_ configuration: BackendConfiguration) throws(BackendError) -> any BackendVM {
        do throws(GuestMemoryError) {
            return try EmulatedVM(configuration, engine: engine, codeCacheByteCount: codeCacheByteCount)
        } catch { throw .memory(error) }
    }
}
