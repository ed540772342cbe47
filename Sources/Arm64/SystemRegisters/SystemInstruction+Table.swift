// The system instructions by name: their encodings, and their names for traces.
//
// Follows DDI 0487, sections C5.3 (cache maintenance), C5.4 (address translation) and C5.5 (TLB maintenance). Those of
// EL1 and EL0 that some CPU model has. A table, and only that.

extension SystemInstruction {
    @inlinable public static var dcIVAC: Self { Self(0, 7, 6, 1) }
    @inlinable public static var dcISW: Self { Self(0, 7, 6, 2) }
    @inlinable public static var dcCSW: Self { Self(0, 7, 10, 2) }
    @inlinable public static var dcCISW: Self { Self(0, 7, 14, 2) }
    @inlinable public static var dcZVA: Self { Self(3, 7, 4, 1) }
    @inlinable public static var dcCVAC: Self { Self(3, 7, 10, 1) }
    @inlinable public static var dcCVAU: Self { Self(3, 7, 11, 1) }
    @inlinable public static var dcCVAP: Self { Self(3, 7, 12, 1) }
    @inlinable public static var dcCIVAC: Self { Self(3, 7, 14, 1) }
    @inlinable public static var icIALLUIS: Self { Self(0, 7, 1, 0) }
    @inlinable public static var icIALLU: Self { Self(0, 7, 5, 0) }
    @inlinable public static var icIVAU: Self { Self(3, 7, 5, 1) }
    @inlinable public static var atS1E1R: Self { Self(0, 7, 8, 0) }
    @inlinable public static var atS1E1W: Self { Self(0, 7, 8, 1) }
    @inlinable public static var atS1E0R: Self { Self(0, 7, 8, 2) }
    @inlinable public static var atS1E0W: Self { Self(0, 7, 8, 3) }
    @inlinable public static var atS1E1RP: Self { Self(0, 7, 9, 0) }
    @inlinable public static var atS1E1WP: Self { Self(0, 7, 9, 1) }
    @inlinable public static var tlbiVMALLE1: Self { Self(0, 8, 7, 0) }
    @inlinable public static var tlbiVAE1: Self { Self(0, 8, 7, 1) }
    @inlinable public static var tlbiASIDE1: Self { Self(0, 8, 7, 2) }
    @inlinable public static var tlbiVAAE1: Self { Self(0, 8, 7, 3) }
    @inlinable public static var tlbiVALE1: Self { Self(0, 8, 7, 5) }
    @inlinable public static var tlbiVAALE1: Self { Self(0, 8, 7, 7) }
    @inlinable public static var tlbiVMALLE1IS: Self { Self(0, 8, 3, 0) }
    @inlinable public static var tlbiVAE1IS: Self { Self(0, 8, 3, 1) }
    @inlinable public static var tlbiASIDE1IS: Self { Self(0, 8, 3, 2) }
    @inlinable public static var tlbiVAAE1IS: Self { Self(0, 8, 3, 3) }
    @inlinable public static var tlbiVALE1IS: Self { Self(0, 8, 3, 5) }
    @inlinable public static var tlbiVAALE1IS: Self { Self(0, 8, 3, 7) }
    @inlinable public static var tlbiVMALLE1OS: Self { Self(0, 8, 1, 0) }
    @inlinable public static var tlbiVAE1OS: Self { Self(0, 8, 1, 1) }
    @inlinable public static var tlbiASIDE1OS: Self { Self(0, 8, 1, 2) }
    @inlinable public static var tlbiVAAE1OS: Self { Self(0, 8, 1, 3) }
    @inlinable public static var tlbiVALE1OS: Self { Self(0, 8, 1, 5) }
    @inlinable public static var tlbiVAALE1OS: Self { Self(0, 8, 1, 7) }
    @inlinable public static var tlbiRVAE1: Self { Self(0, 8, 6, 1) }
    @inlinable public static var tlbiRVAAE1: Self { Self(0, 8, 6, 3) }
    @inlinable public static var tlbiRVALE1: Self { Self(0, 8, 6, 5) }
    @inlinable public static var tlbiRVAALE1: Self { Self(0, 8, 6, 7) }
    @inlinable public static var tlbiRVAE1IS: Self { Self(0, 8, 2, 1) }
    @inlinable public static var tlbiRVAAE1IS: Self { Self(0, 8, 2, 3) }
    @inlinable public static var tlbiRVALE1IS: Self { Self(0, 8, 2, 5) }
    @inlinable public static var tlbiRVAALE1IS: Self { Self(0, 8, 2, 7) }
    @inlinable public static var tlbiRVAE1OS: Self { Self(0, 8, 5, 1) }
    @inlinable public static var tlbiRVAAE1OS: Self { Self(0, 8, 5, 3) }
    @inlinable public static var tlbiRVALE1OS: Self { Self(0, 8, 5, 5) }
    @inlinable public static var tlbiRVAALE1OS: Self { Self(0, 8, 5, 7) }

    /// Arm's name of each instruction above.
    static let names: [SystemInstruction: String] = [
        .dcIVAC: "DC IVAC",
        .dcISW: "DC ISW",
        .dcCSW: "DC CSW",
        .dcCISW: "DC CISW",
        .dcZVA: "DC ZVA",
        .dcCVAC: "DC CVAC",
        .dcCVAU: "DC CVAU",
        .dcCVAP: "DC CVAP",
        .dcCIVAC: "DC CIVAC",
        .icIALLUIS: "IC IALLUIS",
        .icIALLU: "IC IALLU",
        .icIVAU: "IC IVAU",
        .atS1E1R: "AT S1E1R",
        .atS1E1W: "AT S1E1W",
        .atS1E0R: "AT S1E0R",
        .atS1E0W: "AT S1E0W",
        .atS1E1RP: "AT S1E1RP",
        .atS1E1WP: "AT S1E1WP",
        .tlbiVMALLE1: "TLBI VMALLE1",
        .tlbiVAE1: "TLBI VAE1",
        .tlbiASIDE1: "TLBI ASIDE1",
        .tlbiVAAE1: "TLBI VAAE1",
        .tlbiVALE1: "TLBI VALE1",
        .tlbiVAALE1: "TLBI VAALE1",
        .tlbiVMALLE1IS: "TLBI VMALLE1IS",
        .tlbiVAE1IS: "TLBI VAE1IS",
        .tlbiASIDE1IS: "TLBI ASIDE1IS",
        .tlbiVAAE1IS: "TLBI VAAE1IS",
        .tlbiVALE1IS: "TLBI VALE1IS",
        .tlbiVAALE1IS: "TLBI VAALE1IS",
        .tlbiVMALLE1OS: "TLBI VMALLE1OS",
        .tlbiVAE1OS: "TLBI VAE1OS",
        .tlbiASIDE1OS: "TLBI ASIDE1OS",
        .tlbiVAAE1OS: "TLBI VAAE1OS",
        .tlbiVALE1OS: "TLBI VALE1OS",
        .tlbiVAALE1OS: "TLBI VAALE1OS",
        .tlbiRVAE1: "TLBI RVAE1",
        .tlbiRVAAE1: "TLBI RVAAE1",
        .tlbiRVALE1: "TLBI RVALE1",
        .tlbiRVAALE1: "TLBI RVAALE1",
        .tlbiRVAE1IS: "TLBI RVAE1IS",
        .tlbiRVAAE1IS: "TLBI RVAAE1IS",
        .tlbiRVALE1IS: "TLBI RVALE1IS",
        .tlbiRVAALE1IS: "TLBI RVAALE1IS",
        .tlbiRVAE1OS: "TLBI RVAE1OS",
        .tlbiRVAAE1OS: "TLBI RVAAE1OS",
        .tlbiRVALE1OS: "TLBI RVALE1OS",
        .tlbiRVAALE1OS: "TLBI RVAALE1OS",
    ]

    /// The feature that an instruction needs; those that are not listed every CPU model has. TLBI by range in the Outer
    /// Shareable domain needs FEAT_TLBIOS too, which comes with FEAT_TLBIRANGE.
    static let features: [SystemInstruction: CPUFeature] = [
        .dcCVAP: .dpb,
        .atS1E1RP: .pan2,
        .atS1E1WP: .pan2,
        .tlbiVMALLE1OS: .tlbios,
        .tlbiVAE1OS: .tlbios,
        .tlbiASIDE1OS: .tlbios,
        .tlbiVAAE1OS: .tlbios,
        .tlbiVALE1OS: .tlbios,
        .tlbiVAALE1OS: .tlbios,
        .tlbiRVAE1: .tlbirange,
        .tlbiRVAAE1: .tlbirange,
        .tlbiRVALE1: .tlbirange,
        .tlbiRVAALE1: .tlbirange,
        .tlbiRVAE1IS: .tlbirange,
        .tlbiRVAAE1IS: .tlbirange,
        .tlbiRVALE1IS: .tlbirange,
        .tlbiRVAALE1IS: .tlbirange,
        .tlbiRVAE1OS: .tlbirange,
        .tlbiRVAAE1OS: .tlbirange,
        .tlbiRVALE1OS: .tlbirange,
        .tlbiRVAALE1OS: .tlbirange,
    ]
}
