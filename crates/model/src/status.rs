//! The states of an execution and of its steps, with the seed's names.

/// Text that names none of the allowed values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not one of {allowed}")]
pub struct UnknownName {
    /// The allowed names, separated by commas.
    pub allowed: String,
}

/// An enum that is stored, sent and received by its name.
#[macro_export]
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant),* }

        impl $name {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name that is stored and sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::status::UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::status::UnknownName { allowed: [$($text),*].join(", ") }),
                }
            }
        }
    };
}

named! {
    /// Where an execution stands (contract section 8).
    ExecutionStatus {
        /// Accepted, not yet begun.
        Pending = "pending",
        /// A node is working on it.
        Running = "running",
        /// Suspended until a time or an event; holds a row and nothing else.
        Waiting = "waiting",
        /// Failed; the next attempt is scheduled in `next_retry_at`.
        Retrying = "retrying",
        /// Ended well. Final.
        Completed = "completed",
        /// Ended badly. Final.
        Failed = "failed",
        /// Ended by a person. Final.
        Cancelled = "cancelled",
    }
}

impl ExecutionStatus {
    /// Final: nothing changes it any more.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

named! {
    /// What the execution's conditions said.
    Outcome {
        /// Conditions held; actions ran or will run.
        Matched = "matched",
        /// Conditions did not hold; no action ran.
        Unmatched = "unmatched",
        /// Ended before the work by a rule (a loop guard, a filter).
        Stopped = "stopped",
    }
}

named! {
    /// Where a step stands.
    StepStatus {
        /// Not yet begun.
        Pending = "pending",
        /// Begun: a delay that is waiting.
        Running = "running",
        /// Done; never repeated.
        Completed = "completed",
        /// Tried without success.
        Failed = "failed",
        /// Passed over.
        Skipped = "skipped",
    }
}

named! {
    /// What kind of step a log row belongs to (seed, `step_type`; control-flow.md).
    StepType {
        /// The evaluation of the workflow's conditions.
        Condition = "condition",
        /// One of the actions.
        Action = "action",
        /// A wait for a length of time.
        Delay = "delay",
        /// `for_each`, `repeat`.
        Loop = "loop",
        /// `branch`.
        Branch = "branch",
        /// `parallel`.
        Parallel = "parallel",
        /// `wait`, `wait_for_event`.
        Wait = "wait",
        /// `approval`.
        Approval = "approval",
        /// `run_workflow`.
        Workflow = "workflow",
    }
}
