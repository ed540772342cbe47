// The registers of the PL011: offsets and fields, by the names of its manual (DDI 0183, "Programmer's Model").

/// Offsets and fields of UART*.
enum PL011Register {
    static let DR: UInt64 = 0x000
    /// UARTRSR when read, UARTECR when written.
    static let RSR: UInt64 = 0x004
    static let FR: UInt64 = 0x018
    static let ILPR: UInt64 = 0x020
    static let IBRD: UInt64 = 0x024
    static let FBRD: UInt64 = 0x028
    static let LCR_H: UInt64 = 0x02C
    static let CR: UInt64 = 0x030
    static let IFLS: UInt64 = 0x034
    static let IMSC: UInt64 = 0x038
    static let RIS: UInt64 = 0x03C
    static let MIS: UInt64 = 0x040
    static let ICR: UInt64 = 0x044
    static let DMACR: UInt64 = 0x048

    enum DRField {
        static let breakError: UInt32 = 1 << 10
        static let overrun: UInt32 = 1 << 11
    }

    enum RSRField {
        static let breakError: UInt32 = 1 << 2
        static let overrun: UInt32 = 1 << 3
    }

    enum FRField {
        static let clearToSend: UInt32 = 1 << 0
        static let dataSetReady: UInt32 = 1 << 1
        static let dataCarrierDetect: UInt32 = 1 << 2
        static let receiveEmpty: UInt32 = 1 << 4
        static let receiveFull: UInt32 = 1 << 6
        static let transmitEmpty: UInt32 = 1 << 7
        static let ringIndicator: UInt32 = 1 << 8
    }

    enum LCR_HField {
        static let enableFIFOs: UInt32 = 1 << 4
        static let eightBits: UInt32 = 0b11 << 5
        static let writable: UInt32 = 0xFF
    }

    enum CRField {
        static let uartEnable: UInt32 = 1 << 0
        static let loopback: UInt32 = 1 << 7
        static let transmitEnable: UInt32 = 1 << 8
        static let receiveEnable: UInt32 = 1 << 9
        static let dataTransmitReady: UInt32 = 1 << 10
        static let requestToSend: UInt32 = 1 << 11
        static let out1: UInt32 = 1 << 12
        static let out2: UInt32 = 1 << 13
        static let writable: UInt32 = 0xFF87
        static let reset = transmitEnable | receiveEnable
    }

    enum IFLSField {
        static let receiveShift: UInt32 = 3
        static let levelMask: UInt32 = 0b111
        static let writable: UInt32 = 0x3F
        /// Both at half.
        static let reset: UInt32 = 0x12
    }

    /// The bits of UARTIMSC, UARTRIS, UARTMIS and UARTICR.
    enum Interrupt {
        static let ringIndicator: UInt32 = 1 << 0
        static let clearToSend: UInt32 = 1 << 1
        static let dataCarrierDetect: UInt32 = 1 << 2
        static let dataSetReady: UInt32 = 1 << 3
        static let receive: UInt32 = 1 << 4
        static let transmit: UInt32 = 1 << 5
        static let receiveTimeout: UInt32 = 1 << 6
        static let breakError: UInt32 = 1 << 9
        static let overrun: UInt32 = 1 << 10
        /// Either says that there are characters to read.
        static let received = receive | receiveTimeout
        static let all: UInt32 = 0x7FF
    }

    static let ILPRWritable: UInt32 = 0xFF
    static let IBRDWritable: UInt32 = 0xFFFF
    static let FBRDWritable: UInt32 = 0x3F
    static let DMACRWritable: UInt32 = 0x7
}
