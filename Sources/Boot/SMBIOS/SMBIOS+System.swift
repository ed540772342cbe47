// The structures that say what the machine is: types 0, 1, 3, 4, 11 and 32.

extension SMBIOS {
    /// Type 0 (§7.1): the firmware. A guest takes from it that the machine is virtual.
    var platformFirmware: SMBIOSStructure {
        /// Any date of the machine models' making: it is part of what a guest finds.
        let releaseDate = "01/01/2026"
        /// Characteristics: that they are not said.
        let notSupported: UInt64 = 1 << 3
        /// Second extension byte: UEFI, and a virtual machine.
        let (uefi, virtualMachine): (UInt8, UInt8) = (1 << 3, 1 << 4)
        let unknown: UInt8 = 0xFF
        var structure = SMBIOSStructure(.platformFirmware, handle: 0x0000)
        structure.add(string: manufacturer)
        structure.add(string: version)
        // Starting address segment.
        structure.add(UInt16(0))
        structure.add(string: releaseDate)
        // ROM size.
        structure.add(UInt8(0))
        structure.add(notSupported)
        structure.add([0, hasUEFI ? uefi | virtualMachine : virtualMachine])
        // Releases of firmware and embedded controller, each of two numbers.
        structure.add([unknown, unknown, unknown, unknown])
        // Extended ROM size.
        structure.add(UInt16(0))
        return structure
    }

    /// Type 1 (§7.2).
    var system: SMBIOSStructure {
        let powerSwitch: UInt8 = 6
        var structure = SMBIOSStructure(.system, handle: 0x0100)
        structure.add(string: manufacturer)
        structure.add(string: product)
        structure.add(string: version)
        // Serial number.
        structure.add(string: "")
        structure.add(littleEndianUUID)
        structure.add(powerSwitch)
        // SKU number.
        structure.add(string: "")
        // Family.
        structure.add(string: "Virtual Machine")
        return structure
    }

    /// §7.2.1: the first three fields of the UUID are little-endian, and the rest is as in its text.
    private var littleEndianUUID: [UInt8] {
        var bytes: [UInt8] = []
        for field in [uuid[0..<4], uuid[4..<6], uuid[6..<8]] { bytes.append(contentsOf: field.reversed()) }
        bytes.append(contentsOf: uuid[8...])
        return bytes
    }

    /// Type 3 (§7.4).
    var chassis: SMBIOSStructure {
        let (other, safe, none): (UInt8, UInt8, UInt8) = (1, 3, 3)
        var structure = SMBIOSStructure(.chassis, handle: 0x0300)
        structure.add(string: manufacturer)
        structure.add(other)
        // Version, serial number, asset tag.
        for _ in 0..<3 { structure.add(string: "") }
        // States at boot-up, of power supply and temperature; security.
        structure.add([safe, safe, safe, none])
        // OEM-defined.
        structure.add(UInt32(0))
        // Height, power cords, contained elements and the length of their records, SKU number.
        structure.add([0, 0, 0, 0, 0])
        return structure
    }

    /// Type 4 (§7.5): the one socket.
    var processor: SMBIOSStructure {
        let (centralProcessor, familyIsTwoBytes, other): (UInt8, UInt8, UInt8) = (3, 0xFE, 1)
        /// Socket populated, CPU enabled.
        let enabled: UInt8 = 1 << 6 | 1
        let noCache: UInt16 = 0xFFFF
        let (is64Bit, isMultiCore): (UInt16, UInt16) = (1 << 2, 1 << 3)
        let armv8: UInt16 = 0x0101
        let count = UInt16(truncatingIfNeeded: coreCount)
        // §7.5.6: more than 255 are in the wider field only.
        let shortCount = UInt8(min(coreCount, 0xFF))
        var structure = SMBIOSStructure(.processor, handle: 0x0400)
        structure.add(string: "CPU 0")
        structure.add([centralProcessor, familyIsTwoBytes])
        structure.add(string: manufacturer)
        // §7.5.3.3: MIDR_EL1, where there is no SMCCC_ARCH_SOC_ID.
        structure.add(mainID)
        structure.add(string: product)
        // Voltage.
        structure.add(UInt8(0))
        // External clock, greatest and current speed.
        for _ in 0..<3 { structure.add(UInt16(0)) }
        // Status, upgrade.
        structure.add([enabled, other])
        for _ in 0..<3 { structure.add(noCache) }
        // Serial number, asset tag, part number.
        for _ in 0..<3 { structure.add(string: "") }
        // Cores, enabled cores, threads.
        structure.add([shortCount, shortCount, shortCount])
        structure.add(coreCount > 1 ? is64Bit | isMultiCore : is64Bit)
        structure.add(armv8)
        for _ in 0..<3 { structure.add(count) }
        return structure
    }

    /// Type 11 (§7.12); as many as it takes, since each counts its strings in a byte.
    var oemStructures: [SMBIOSStructure] {
        let limit = 255
        let strings = oemStrings.filter { $0.contains { $0 != "\0" } }
        return stride(from: 0, to: strings.count, by: limit).enumerated().map { number, start in
            let some = strings[start..<min(start + limit, strings.count)]
            var structure = SMBIOSStructure(.oemStrings, handle: 0x0B00 + UInt16(truncatingIfNeeded: number))
            structure.add(UInt8(some.count))
            for string in some { structure.append(string) }
            return structure
        }
    }

    /// Type 32 (§7.33): no errors detected.
    var bootInformation: SMBIOSStructure {
        var structure = SMBIOSStructure(.bootInformation, handle: 0x2000)
        structure.add([0, 0, 0, 0, 0, 0])
        structure.add(UInt8(0))
        return structure
    }
}
