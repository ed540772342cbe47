// What becomes of a guest that its watchdog takes for one that hangs.

/// What the second timeout of a guest's watchdog does. The guest does not see the choice, only that it has a watchdog.
public enum WatchdogAction: String, Sendable, CaseIterable {
    /// It is started again.
    case reset
    /// The run ends as that of a guest that crashed.
    case crash
    /// Its sleep button is pressed, for which the machine has to have one.
    case hibernate
    /// It is told of, and nothing else.
    case nothing = "none"
}
