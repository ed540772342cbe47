// XSDT: where the other tables are. ACPI 6.5, section 5.2.8. The DSDT and the FACS are the FADT's to name.

import Bytes
import Hypervisor

enum XSDT {
    static func bytes(tables: [PhysicalAddress]) -> [UInt8] {
        var table = ACPITable("XSDT", revision: 1)
        for address in tables { table.body.append(littleEndian: address) }
        return table.bytes
    }
}
