// What a guest can read of every GIC of ours alike.
//
// Responsible for: naming it, so that a machine's record has it. A change of any of it needs another machine model.

extension GIC {
    /// The registers that never change, and what follows from the geometry.
    public struct Identity: Sendable, Hashable {
        /// SPIs, from INTID 32 on.
        public var spiCount = GICGeometry.spiCount
        /// Implemented bits of a priority.
        public var priorityBits = Int(GICGeometry.priorityBits)
        /// GICD_TYPER.
        public var distributorType = GICD.TYPERField.value
        /// GICD_IIDR and GICR_IIDR.
        public var implementer = GICIdentification.implementer
        /// GICD_PIDR2 and GICR_PIDR2.
        public var peripheralID2 = GICIdentification.read(GICIdentification.PIDR2) ?? 0
        /// ICC_CTLR_EL1 after reset: all that is set then can only be read.
        public var interfaceControl = ICC.CTLRField.readOnly
    }

    /// Of all that there are.
    public static let identity = Identity()
}
