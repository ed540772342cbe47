// The names of VMs, for shells that complete them.

import ArgumentParser
import KeptVMs

enum VMNames {
    /// Those of the store that the command line names, or of the user's.
    static let completion = CompletionKind.custom { words, _, _ in
        let named = words.lastIndex(of: "--store").map { words.index(after: $0) }.flatMap { index in
            words.indices.contains(index) ? try? AbsolutePath.of(words[index]) : nil
        }
        let store = named.map { VMStore(path: $0) } ?? (try? VMStore.default)
        return (try? store?.names()) ?? []
    }
}
