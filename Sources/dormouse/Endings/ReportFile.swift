// The file that a report is written to.
//
// Responsible for: JSON in a stable order, and that an older report is gone while a run goes on. How a file is written
// is in `OutputFile`.

import Bytes
import HostSupport

/// Why a report cannot be written. The text is for the user, one line.
struct ReportFileError: AttributedError {
    var path: String
    var reason: String
    var isHosts: Bool

    var description: String {
        "cannot write the report \(path): \(reason); give --report the path of a file, in a directory that can be written to"
    }
}

/// Where a report goes.
struct ReportFile: Sendable {
    var path: String { file.path }
    private let file: OutputFile

    /// Checks that a report can be written to `path`, and removes an older one: it would tell of another run.
    ///
    /// - Parameters:
    ///   - path: of the report.
    ///   - others: files of the machine, none of which may be that one.
    init(path: String, besides others: [String] = []) throws(ReportFileError) {
        do throws(OutputFileError) {
            file = try OutputFile(path: path)
            if let other = others.first(where: file.isSame) {
                throw OutputFileError(path: path, reason: "it is the machine's \(other)", isHosts: false)
            }
            try file.remove()
        } catch { throw ReportFileError(path: path, reason: error.reason, isHosts: error.isHosts) }
    }

    /// Writes the report as JSON.
    func write(_ report: some Encodable) throws(ReportFileError) {
        let bytes: [UInt8]
        do {
            bytes = try StableJSON.bytes(of: report, indented: true) + [UInt8(ascii: "\n")]
        } catch {
            throw ReportFileError(path: path, reason: "\(error)", isHosts: true)
        }
        do throws(OutputFileError) {
            try file.write(bytes)
        } catch { throw ReportFileError(path: path, reason: error.reason, isHosts: error.isHosts) }
    }
}
