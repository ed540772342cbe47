// Between the dispatcher and translated code.

#if arch(x86_64)

extension EmulatedCPU {
    /// What is to happen after translated code was left.
    enum AfterTranslated {
        case lookUp
        /// The interpreter goes on with this operation of the state's block.
        case resume(UnsafeMutablePointer<Operation>)
    }

    /// Runs translated code from the block that was just entered, if it has any or is to get it now; nil if not.
    @inline(__always)
    func runTranslated() -> AfterTranslated? {
        guard let translator else { return nil }
        let block = Block(base: state.block)
        if block.patience > 0 {
            block.patience &-= 1
            state.setWord(CPUState.Offset.exitLink, 0)
            return nil
        }
        return translator._withUnsafeGuaranteedRef { runTranslated(block, $0) }
    }

    @inline(never)
    private func runTranslated(_ block: Block, _ translator: Translator) -> AfterTranslated? {
        // Translated code does not look whether a step has become active.
        guard state.system.pointee.mdscrEL1 & MDSCR.ss == 0 else {
            forgetLinks()
            return nil
        }
        if !translator.hasCode(block) {
            forgetLinks()
            guard block.isValid, !stepIsUnderWay else { return nil }
            switch translator.translate(block, mode: currentMode, cache: codeCache) {
            case .done: break
            case .busy: block.patience = translator.patience
            case .full:
                // Nothing of the block was executed, and it may be gone: it is looked up again.
                vm.flushCode(from: self)
                return .lookUp
            }
            guard translator.hasCode(block) else { return nil }
        }
        let link = state.word(CPUState.Offset.exitLink)
        if link != 0 {
            translator.link(link, to: block)
            state.setWord(CPUState.Offset.exitLink, 0)
        }
        state.setWord(CPUState.Offset.pageOfPC, state.pc & TLBGeometry.pageMask)
        if currentMode.isEL0 { recentPages.use(state.dataTable) }
        state.loadHostFlags()
        let exit = translator.enter(block, state)
        state.storeHostFlags()
        guard exit == TranslatorExit.resume else { return .lookUp }
        state.pc = state.word(CPUState.Offset.pageOfPC) | Block(base: state.block).physicalAddress & 0xFFF
        // Safe: translated code stores addresses of operations that outlive this.
        return UnsafeMutablePointer(bitPattern: UInt(state.word(CPUState.Offset.exitOperation))).map { .resume($0) }
            ?? .lookUp
    }

    /// Sets what translated code needs of this CPU besides its state.
    func prepareForTranslator() {
        state.setWord(CPUState.Offset.cpu, UInt64(UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque())))
        state.setWord(CPUState.Offset.codeBase, UInt64(UInt(bitPattern: codeCache.base)))
        state.setWord(CPUState.Offset.knownBlocks, UInt64(UInt(bitPattern: knownBlocks.base)))
        state.storeVectorConstants()
    }
}

#endif
