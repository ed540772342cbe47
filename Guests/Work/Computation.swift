// What programs compute, in small: loops over memory, unpredictable branches, calls, and arithmetic of each kind.

enum Computation {
    private static var count: Int { 2048 }
    /// RAM that nobody uses.
    private static var memory: UnsafeMutablePointer<UInt64> {
        // Safe: every board of these guests has RAM there, and there is no heap.
        unsafe UnsafeMutablePointer(bitPattern: 0x4400_0000).unsafelyUnwrapped
    }

    static func run(rounds: Int) -> UInt64 {
        var random: UInt64 = 1
        var checksum: UInt64 = 0
        for _ in 0..<rounds {
            fill(&random)
            checksum = mix(checksum, redundancy())
            sort()
            checksum = mix(checksum, sumOfDifferences())
            checksum = mix(checksum, fibonacci(14))
            checksum = mix(checksum, iterations())
            checksum = mix(checksum, product())
        }
        return checksum
    }

    private static func mix(_ checksum: UInt64, _ value: UInt64) -> UInt64 {
        (checksum ^ value) &* 0x100_0000_01B3
    }

    /// Marsaglia's xorshift.
    private static func fill(_ random: inout UInt64) {
        for index in 0..<count {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            memory[index] = random
        }
    }

    /// A CRC, a bit at a time.
    private static func redundancy() -> UInt64 {
        var register: UInt32 = .max
        for index in 0..<count / 4 {
            register ^= UInt32(truncatingIfNeeded: memory[index])
            for _ in 0..<8 { register = register >> 1 ^ (register & 1 != 0 ? 0xEDB8_8320 : 0) }
        }
        return UInt64(register)
    }

    /// Heap sort.
    private static func sort() {
        var start = count / 2
        var end = count
        while end > 1 {
            if start > 0 {
                start -= 1
            } else {
                end -= 1
                swap(end, 0)
            }
            var parent = start
            while 2 * parent + 1 < end {
                var child = 2 * parent + 1
                if child + 1 < end, memory[child] < memory[child + 1] { child += 1 }
                guard memory[parent] < memory[child] else { break }
                swap(parent, child)
                parent = child
            }
        }
    }

    private static func swap(_ first: Int, _ second: Int) {
        let value = memory[first]
        memory[first] = memory[second]
        memory[second] = value
    }

    private static func sumOfDifferences() -> UInt64 {
        var sum: UInt64 = 0
        for index in 1..<count { sum = mix(sum, memory[index] &- memory[index - 1]) }
        return sum
    }

    @inline(never)
    private static func fibonacci(_ number: UInt64) -> UInt64 {
        number < 2 ? number : fibonacci(number - 1) &+ fibonacci(number - 2)
    }

    /// How long points of the plane stay near zero (Mandelbrot's set), in double precision.
    private static func iterations() -> UInt64 {
        var total: UInt64 = 0
        for row in 0..<16 {
            for column in 0..<16 {
                let real = Double(column) / 8 - 1.5
                let imaginary = Double(row) / 8 - 1
                var x = 0.0
                var y = 0.0
                var steps: UInt64 = 0
                while steps < 40, x * x + y * y < 4 {
                    (x, y) = (x * x - y * y + real, 2 * x * y + imaginary)
                    steps += 1
                }
                total += steps
            }
        }
        return total
    }

    /// Vectors of four numbers in single precision.
    private static func product() -> UInt64 {
        var sum = SIMD4<Float>()
        var vector = SIMD4<Float>(1, 2, 3, 4)
        for index in 0..<1000 {
            sum += vector * Float(index & 7)
            vector = SIMD4(vector.w, vector.x, vector.y, vector.z)
        }
        return UInt64(sum.x.bitPattern) << 32 | UInt64(sum.w.bitPattern)
    }
}
