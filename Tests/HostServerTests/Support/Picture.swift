// What a window shows, pixel by pixel: what one can read of it does not follow from what its style sheet says.

import Foundation

/// A picture of a window, or of a part of it.
struct Picture {
    struct Color: Hashable, CustomStringConvertible {
        var red: UInt8
        var green: UInt8
        var blue: UInt8

        var description: String { "rgb(\(red), \(green), \(blue))" }

        /// As WCAG 2.2 has it.
        private var luminance: Double {
            zip([red, green, blue], [0.2126, 0.7152, 0.0722]).reduce(0) { sum, part in
                let value = Double(part.0) / 255
                return sum + part.1 * (value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4))
            }
        }

        /// From 1, for the same colour, to 21, for black and white.
        func contrast(to other: Color) -> Double {
            (max(luminance, other.luminance) + 0.05) / (min(luminance, other.luminance) + 0.05)
        }

        func isNear(_ other: Color) -> Bool {
            zip([red, green, blue], [other.red, other.green, other.blue]).allSatisfy { abs(Int($0) - Int($1)) < 40 }
        }
    }

    /// How many pixels there are of each colour.
    let colors: [Color: Int]

    /// - Parameter bytes: red, green, blue and opacity of each pixel.
    init(_ bytes: Data) {
        let bytes = [UInt8](bytes)
        colors = stride(from: 0, to: bytes.count, by: 4).reduce(into: [:]) { colors, index in
            colors[Color(red: bytes[index], green: bytes[index + 1], blue: bytes[index + 2]), default: 0] += 1
        }
    }

    /// The colour that most of it has.
    var ground: Color? { colors.max { $0.value < $1.value }?.key }

    /// The contrast of what can be told best from the ground.
    var contrast: Double {
        guard let ground else { return 0 }
        return colors.keys.map { $0.contrast(to: ground) }.max() ?? 0
    }

    /// The part of it that is no ground.
    var inkShare: Double {
        let all = colors.values.reduce(0, +)
        return all == 0 ? 0 : 1 - Double(colors.values.max() ?? 0) / Double(all)
    }
}
