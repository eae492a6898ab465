//! Intake, runner, retry policy, timers, background tasks.
