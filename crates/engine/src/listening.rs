//! What the engine does when a commit is durable: takes up what was started, tells whoever watches.

use std::{fmt, sync::Weak};

use model::{
    ApprovalId, ExecutionId, ExecutionStatus, NotificationId, TenantId, UserId, WorkflowId,
    approval::ApprovalState,
};
use store::writer::{Listener, Notice};

use crate::EngineInner;

/// Something that people who watch want to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// An execution's status changed.
    Execution {
        /// Whose it is.
        tenant: TenantId,
        /// Which one.
        id: ExecutionId,
        /// Of which workflow.
        workflow: WorkflowId,
        /// Where it stands now.
        status: ExecutionStatus,
    },
    /// An approval was asked for, decided, or is over.
    Approval {
        /// Whose it is.
        tenant: TenantId,
        /// Which one.
        id: ApprovalId,
        /// Of which run.
        execution: ExecutionId,
        /// Where it stands now.
        state: ApprovalState,
    },
    /// A user has a new notification.
    Notification {
        /// Whose it is.
        tenant: TenantId,
        /// To whom.
        user: UserId,
        /// Which one.
        id: NotificationId,
    },
}

impl Live {
    /// Whose it is: nobody else may see it.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        match self {
            Self::Execution { tenant, .. }
            | Self::Approval { tenant, .. }
            | Self::Notification { tenant, .. } => *tenant,
        }
    }
}

/// The engine's ear at the writer.
pub(crate) struct Listening {
    pub(crate) engine: Weak<EngineInner>,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listening")
    }
}

impl Listener for Listening {
    fn committed(&self, notices: Vec<Notice>) {
        let Some(engine) = self.engine.upgrade() else { return };
        for notice in notices {
            let live = match notice {
                Notice::Started(started) => {
                    let execution = &started.execution;
                    let live = Live::Execution {
                        tenant: execution.tenant_id,
                        id: execution.id,
                        workflow: execution.workflow_id,
                        status: execution.progress.status,
                    };
                    engine.queue.push(&engine, started);
                    live
                }
                Notice::ExecutionChanged { tenant, execution, workflow, status } => {
                    if status == ExecutionStatus::Cancelled {
                        engine.abandon(execution);
                    }
                    if status.is_terminal() {
                        engine.queues.ended(&engine.programs, (tenant, execution), workflow);
                    }
                    Live::Execution { tenant, id: execution, workflow, status }
                }
                Notice::Notified { tenant, user, notification } => {
                    Live::Notification { tenant, user, id: notification }
                }
                Notice::ApprovalChanged { tenant, approval, execution, state } => {
                    Live::Approval { tenant, id: approval, execution, state }
                }
                Notice::Signalled => {
                    engine.signals.notify_one();
                    continue;
                }
                Notice::ApprovalMail => {
                    engine.approval_mails.notify_one();
                    continue;
                }
                Notice::Unowned => {
                    engine.call.work();
                    continue;
                }
                Notice::TimerSet(due_at) => {
                    engine.timers.set(due_at);
                    continue;
                }
            };
            // Nobody watches: nothing to tell.
            drop(engine.live.send(live));
        }
    }
}
