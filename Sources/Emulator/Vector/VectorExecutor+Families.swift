// The rest of `VectorExecutor`'s dispatch: multiplications, shifts, and what changes the size of elements.

extension VectorExecutor {
    /// Products that saturate, by element, and of groups of bytes.
    static func executeMultiply(_ opcode: VectorOpcode, _ operation: Operation, _ state: CPUState) {
        switch opcode {
        case .sqdmulh: halfwordsOrWords(SaturatingDoublingMultiplyHigh.self, Signed.self, operation, state)
        case .sqrdmulh: halfwordsOrWords(SaturatingRoundingDoublingMultiplyHigh.self, Signed.self, operation, state)
        case .sqrdmlah: halfwordsOrWords(SaturatingRoundingDoublingMultiplyAddHigh.self, Signed.self, operation, state)
        case .sqrdmlsh:
            halfwordsOrWords(SaturatingRoundingDoublingMultiplySubtractHigh.self, Signed.self, operation, state)
        case .sqdmulhByElement:
            halfwordsOrWords(SaturatingDoublingMultiplyHigh.self, Signed.self, m: FromElement.self, operation, state)
        case .sqrdmulhByElement:
            halfwordsOrWords(
                SaturatingRoundingDoublingMultiplyHigh.self, Signed.self, m: FromElement.self, operation, state)
        case .sqrdmlahByElement:
            halfwordsOrWords(
                SaturatingRoundingDoublingMultiplyAddHigh.self, Signed.self, m: FromElement.self, operation, state)
        case .sqrdmlshByElement:
            halfwordsOrWords(
                SaturatingRoundingDoublingMultiplySubtractHigh.self, Signed.self, m: FromElement.self, operation, state)
        case .mulByElement: halfwordsOrWords(Multiply.self, Unsigned.self, m: FromElement.self, operation, state)
        case .mlaByElement: halfwordsOrWords(MultiplyAdd.self, Unsigned.self, m: FromElement.self, operation, state)
        case .mlsByElement:
            halfwordsOrWords(MultiplySubtract.self, Unsigned.self, m: FromElement.self, operation, state)
        case .sdot: halfwordsOrWords(DotProduct.self, Signed.self, operation, state)
        case .udot: halfwordsOrWords(DotProduct.self, Unsigned.self, operation, state)
        case .sdotByElement: halfwordsOrWords(DotProduct.self, Signed.self, m: FromElement.self, operation, state)
        case .udotByElement: halfwordsOrWords(DotProduct.self, Unsigned.self, m: FromElement.self, operation, state)
        default: break
        }
    }

    /// Shifts whose result has the size of their source.
    static func executeShift(_ opcode: VectorOpcode, _ operation: Operation, _ state: CPUState) {
        switch opcode {
        case .sshl: lanes(ShiftByRegister.self, Signed.self, operation, state)
        case .ushl: lanes(ShiftByRegister.self, Unsigned.self, operation, state)
        case .srshl: lanes(RoundingShiftByRegister.self, Signed.self, operation, state)
        case .urshl: lanes(RoundingShiftByRegister.self, Unsigned.self, operation, state)
        case .sqshl: lanes(SaturatingShiftByRegister.self, Signed.self, operation, state)
        case .uqshl: lanes(SaturatingShiftByRegister.self, Unsigned.self, operation, state)
        case .sqrshl: lanes(SaturatingRoundingShiftByRegister.self, Signed.self, operation, state)
        case .uqrshl: lanes(SaturatingRoundingShiftByRegister.self, Unsigned.self, operation, state)
        case .sshr: lanes(ShiftRight.self, Signed.self, m: FromImmediate.self, operation, state)
        case .ushr: lanes(ShiftRight.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .srshr: lanes(RoundingShiftRight.self, Signed.self, m: FromImmediate.self, operation, state)
        case .urshr: lanes(RoundingShiftRight.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .ssra: lanes(ShiftRightAccumulate.self, Signed.self, m: FromImmediate.self, operation, state)
        case .usra: lanes(ShiftRightAccumulate.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .srsra: lanes(RoundingShiftRightAccumulate.self, Signed.self, m: FromImmediate.self, operation, state)
        case .ursra: lanes(RoundingShiftRightAccumulate.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .sri: lanes(ShiftRightInsert.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .shl: lanes(ShiftLeft.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .sli: lanes(ShiftLeftInsert.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .sqshlImmediate: lanes(SaturatingShiftLeft.self, Signed.self, m: FromImmediate.self, operation, state)
        case .uqshlImmediate: lanes(SaturatingShiftLeft.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .sqshlu: lanes(SaturatingShiftLeftUnsigned.self, Signed.self, m: FromImmediate.self, operation, state)
        default: break
        }
    }

    /// Long and wide operations.
    static func executeLong(_ opcode: VectorOpcode, _ operation: Operation, _ state: CPUState) {
        switch opcode {
        case .saddl: long(Add.self, Signed.self, operation, state)
        case .uaddl: long(Add.self, Unsigned.self, operation, state)
        case .ssubl: long(Subtract.self, Signed.self, operation, state)
        case .usubl: long(Subtract.self, Unsigned.self, operation, state)
        case .sabdl: long(AbsoluteDifference.self, Signed.self, operation, state)
        case .uabdl: long(AbsoluteDifference.self, Unsigned.self, operation, state)
        case .smull: long(Multiply.self, Signed.self, operation, state)
        case .umull: long(Multiply.self, Unsigned.self, operation, state)
        case .sqdmull: long(SaturatingDoublingMultiply.self, Signed.self, operation, state)
        case .pmull: polynomialMultiplyLong(operation, state)
        case .sabal: long(AbsoluteDifferenceAccumulate.self, Signed.self, operation, state)
        case .uabal: long(AbsoluteDifferenceAccumulate.self, Unsigned.self, operation, state)
        case .smlal: long(MultiplyAdd.self, Signed.self, operation, state)
        case .umlal: long(MultiplyAdd.self, Unsigned.self, operation, state)
        case .smlsl: long(MultiplySubtract.self, Signed.self, operation, state)
        case .umlsl: long(MultiplySubtract.self, Unsigned.self, operation, state)
        case .sqdmlal: long(SaturatingDoublingMultiplyAdd.self, Signed.self, operation, state)
        case .sqdmlsl: long(SaturatingDoublingMultiplySubtract.self, Signed.self, operation, state)
        case .saddw: long(Add.self, Signed.self, first: .wide, operation, state)
        case .uaddw: long(Add.self, Unsigned.self, first: .wide, operation, state)
        case .ssubw: long(Subtract.self, Signed.self, first: .wide, operation, state)
        case .usubw: long(Subtract.self, Unsigned.self, first: .wide, operation, state)
        case .smullByElement: long(Multiply.self, Signed.self, m: FromElement.self, operation, state)
        case .umullByElement: long(Multiply.self, Unsigned.self, m: FromElement.self, operation, state)
        case .sqdmullByElement:
            long(SaturatingDoublingMultiply.self, Signed.self, m: FromElement.self, operation, state)
        case .smlalByElement: long(MultiplyAdd.self, Signed.self, m: FromElement.self, operation, state)
        case .umlalByElement: long(MultiplyAdd.self, Unsigned.self, m: FromElement.self, operation, state)
        case .smlslByElement: long(MultiplySubtract.self, Signed.self, m: FromElement.self, operation, state)
        case .umlslByElement: long(MultiplySubtract.self, Unsigned.self, m: FromElement.self, operation, state)
        case .sqdmlalByElement:
            long(SaturatingDoublingMultiplyAdd.self, Signed.self, m: FromElement.self, operation, state)
        case .sqdmlslByElement:
            long(SaturatingDoublingMultiplySubtract.self, Signed.self, m: FromElement.self, operation, state)
        case .sshll: long(ShiftLeft.self, Signed.self, m: FromImmediate.self, operation, state)
        case .ushll: long(ShiftLeft.self, Unsigned.self, m: FromImmediate.self, operation, state)
        default: break
        }
    }

    /// Narrowing operations.
    static func executeNarrow(_ opcode: VectorOpcode, _ operation: Operation, _ state: CPUState) {
        switch opcode {
        case .xtn: narrow(Unchanged.self, Truncating.self, Unsigned.self, operation, state)
        case .sqxtn: narrow(Unchanged.self, Saturating.self, Signed.self, operation, state)
        case .uqxtn: narrow(Unchanged.self, Saturating.self, Unsigned.self, operation, state)
        case .sqxtun: narrow(Unchanged.self, SaturatingToUnsigned.self, Signed.self, operation, state)
        case .addhn: narrow(AddHigh.self, Truncating.self, Unsigned.self, operation, state)
        case .raddhn: narrow(RoundingAddHigh.self, Truncating.self, Unsigned.self, operation, state)
        case .subhn: narrow(SubtractHigh.self, Truncating.self, Unsigned.self, operation, state)
        case .rsubhn: narrow(RoundingSubtractHigh.self, Truncating.self, Unsigned.self, operation, state)
        case .shrn: narrow(ShiftRight.self, Truncating.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .rshrn:
            narrow(RoundingShiftRight.self, Truncating.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .sqshrn: narrow(ShiftRight.self, Saturating.self, Signed.self, m: FromImmediate.self, operation, state)
        case .uqshrn: narrow(ShiftRight.self, Saturating.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .sqshrun:
            narrow(ShiftRight.self, SaturatingToUnsigned.self, Signed.self, m: FromImmediate.self, operation, state)
        case .sqrshrn:
            narrow(RoundingShiftRight.self, Saturating.self, Signed.self, m: FromImmediate.self, operation, state)
        case .uqrshrn:
            narrow(RoundingShiftRight.self, Saturating.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .sqrshrun:
            narrow(
                RoundingShiftRight.self, SaturatingToUnsigned.self, Signed.self, m: FromImmediate.self, operation, state
            )
        default: break
        }
    }
}
