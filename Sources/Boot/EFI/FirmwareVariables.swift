// What UEFI remembers, read from its flash without the guest.
//
// Responsible for: the variables that are valid. edk2's MdeModulePkg/Include/Guid/VariableFormat.h has the form; the
// volume around it is that of the Platform Initialization Specification 1.8, volume 3, section 3.2.1. A guest wrote it,
// so everything is compared with what can be before it is used. Not responsible for: writing.

import Bytes

/// A variable of UEFI.
public struct FirmwareVariable: Sendable, Hashable {
    public var name: String
    /// As it lies in memory, 16 bytes.
    public var vendor: [UInt8]
    public var attributes: UInt32
    public var data: [UInt8]

    /// The data as text of UTF-16, up to a NUL; nil if they are none.
    public var text: String? {
        guard data.count % 2 == 0, !data.isEmpty else { return nil }
        let units = stride(from: 0, to: data.count, by: 2).map { data.littleEndian(at: $0, as: UInt16.self) }
        let text = String(decoding: units.prefix { $0 != 0 }, as: UTF16.self)
        return text.contains("\u{FFFD}") ? nil : text
    }
}

/// All variables of a flash.
public struct FirmwareVariables: Sendable {
    /// One of each name and vendor, in the order in which they were written.
    public let all: [FirmwareVariable]

    private enum GUID {
        /// Of a store whose variables have times.
        static let authenticatedStore = EFIGUID(
            0xAAF3_2C78, 0x947B, 0x439A, [0xA1, 0x80, 0x2E, 0x14, 0x4E, 0xC3, 0x77, 0x92])
        /// Of systemd's own variables (systemd-boot's documentation).
        static let systemd = EFIGUID(
            0x8CF2_644B, 0x4B0B, 0x428F, [0x93, 0x87, 0x6D, 0x87, 0x60, 0x50, 0xDC, 0x67])
    }

    private enum Volume {
        static let headerLengthOffset = 0x30
        static let storeHeaderByteCount = 28
        static let storeSizeOffset = 16
        /// Formatted and healthy.
        static let format: UInt8 = 0x5A
        static let formatOffset = 20
    }

    private enum Header {
        static let byteCount = 60
        static let startID: UInt16 = 0x55AA
        static let state = 2
        static let attributes = 4
        static let nameSize = 36
        static let dataSize = 40
        static let vendor = 44
        /// Written whole.
        static let added: UInt8 = 0x3F
        /// The same, and a successor is being written.
        static let beingReplaced: UInt8 = 0x3E
    }

    /// What of a flash is read at most.
    public static let maximumByteCount = 1 << 20

    /// Reads the beginning of a flash; nil if there is no store of variables.
    public init?(flash: [UInt8]) {
        guard FirmwareVolume.isVariables(prefix: flash), flash.count >= Volume.headerLengthOffset + 2 else {
            return nil
        }
        let store = Int(flash.littleEndian(at: Volume.headerLengthOffset, as: UInt16.self))
        guard flash.count >= store + Volume.storeHeaderByteCount,
            Array(flash[store..<store + 16]) == GUID.authenticatedStore.bytes,
            flash[store + Volume.formatOffset] == Volume.format
        else { return nil }
        let size = Int(flash.littleEndian(at: store + Volume.storeSizeOffset, as: UInt32.self))
        let end = min(flash.count, store + size)
        var offset = store + Volume.storeHeaderByteCount
        var found: [Found] = []
        while offset + Header.byteCount <= end,
            flash.littleEndian(at: offset, as: UInt16.self) == Header.startID
        {
            let state = flash[offset + Header.state]
            let attributes = flash.littleEndian(at: offset + Header.attributes, as: UInt32.self)
            var nameSize = flash.littleEndian(at: offset + Header.nameSize, as: UInt32.self)
            var dataSize = flash.littleEndian(at: offset + Header.dataSize, as: UInt32.self)
            // The power went while the header was written: edk2 goes on right behind it, and puts the next one there.
            if state == .max || [attributes, nameSize, dataSize].contains(.max) { (nameSize, dataSize) = (0, 0) }
            let name = offset + Header.byteCount
            let data = name + Int(nameSize)
            guard Int(nameSize) + Int(dataSize) <= end - name else { break }
            if state == Header.added || state == Header.beingReplaced {
                let units = stride(from: name, to: data - 1, by: 2).map {
                    flash.littleEndian(at: $0, as: UInt16.self)
                }
                let variable = FirmwareVariable(
                    name: String(decoding: units.prefix { $0 != 0 }, as: UTF16.self),
                    vendor: Array(flash[offset + Header.vendor..<offset + Header.vendor + 16]),
                    attributes: attributes, data: Array(flash[data..<data + Int(dataSize)]))
                found.append(Found(variable: variable, isWholeForSure: state == Header.added))
            }
            offset = (data + Int(dataSize) + 3) & ~3
        }
        all = Self.current(found)
    }

    /// A variable, as it stands in the flash.
    private struct Found {
        struct ID: Hashable {
            var name: String
            var vendor: [UInt8]
        }

        var variable: FirmwareVariable
        /// It is not being replaced.
        var isWholeForSure: Bool
        var id: ID { ID(name: variable.name, vendor: variable.vendor) }
    }

    /// What edk2 finds (`FindVariableEx` of its VariableParsing.c): the first that is whole for sure, or else the last of
    /// those that were being replaced when the power went.
    private static func current(_ found: [Found]) -> [FirmwareVariable] {
        var chosen: [Found.ID: Int] = [:]
        for (index, variable) in found.enumerated() {
            if let earlier = chosen[variable.id], found[earlier].isWholeForSure { continue }
            chosen[variable.id] = index
        }
        return chosen.values.sorted().map { found[$0].variable }
    }

    /// Where systemd wrote that the guest hibernated to, as systemd says it: an object of JSON.
    public var hibernateLocation: String? {
        all.first { $0.name == "HibernateLocation" && $0.vendor == GUID.systemd.bytes }?.text
    }
}
