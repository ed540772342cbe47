// What every part of a machine does so that its state can be taken, and be given to another machine's.
//
// Responsible for: the order of things. Who wants the state of a whole machine stops its CPUs, quiesces everything, and
// then saves everything; who restores it puts RAM back first, then the interrupt controller, then all others, and
// resumes everything. A guest that goes on then sees no difference. What belongs to the host (sockets, files, threads,
// who waits for what) is no part of a state: the device that is restored has its own.

/// Something whose state can be taken and put back.
public protocol StatefulDevice: AnyObject {
    /// Finishes or puts back what is under way; when it returns, the device touches neither RAM nor its wires before
    /// `resume`, unless it is told to. May be called again.
    func quiesce()

    /// What it knows. A device that is quiesced, and that nobody uses, says the same each time.
    func save() throws(DeviceStateError) -> DeviceState

    /// Takes over a state that a device of the same kind and configuration has saved, and drives its wires accordingly.
    /// To be called while it is quiesced. When it throws, nothing has changed.
    func restore(_ state: DeviceState) throws(DeviceStateError)

    /// Goes on with what there is to do.
    func resume()
}

extension StatefulDevice {
    /// For a device that does nothing by itself.
    public func quiesce() {}
    public func resume() {}
}
