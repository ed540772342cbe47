// What an embedder imports: one module that hands on those that make a machine, run it and keep it.
//
// Responsible for: the list. `@_exported` has no name without an underscore yet; it does nothing but that.

@_exported import Boot
@_exported import Devices
@_exported import DiskImages
@_exported import Emulator
@_exported import Hibernation
@_exported import HostSupport
@_exported import Hypervisor
@_exported import KeptVMs
@_exported import Machine
@_exported import PSCI
