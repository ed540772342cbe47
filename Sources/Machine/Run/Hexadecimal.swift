// Ids and addresses as reports, records and traces have them.

/// In hexadecimal, with 0x: not every reader of JSON keeps 64 bits of a number.
func hexadecimal(_ value: some FixedWidthInteger & UnsignedInteger) -> String {
    "0x" + String(value, radix: 16)
}
