//! Waiting for a store that does not answer for now: what was accepted, or done outside, is not given up for that.

use std::time::Duration;

use store::StoreError;

use crate::{EngineError, EngineInner};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const WORTH_A_WORD: Duration = Duration::from_secs(1);

/// Pauses between attempts that grow.
#[derive(Debug)]
pub(crate) struct Patience {
    pause: Duration,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Self { pause: FIRST_PAUSE }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The error itself, when another attempt cannot mend it; [`StoreError::Closed`] when the engine has to end.
    pub(crate) async fn wait(&mut self, engine: &EngineInner, error: EngineError) -> Result<(), EngineError> {
        let EngineError::Store(StoreError::Unavailable(reason)) = error else { return Err(error) };
        // The first short pauses are many: everything that is under way makes some.
        if self.pause >= WORTH_A_WORD {
            tracing::warn!(%reason, pause_ms = self.pause.as_millis(), "the store does not answer; trying again");
        } else {
            tracing::debug!(%reason, pause_ms = self.pause.as_millis(), "the store does not answer; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(self.pause) => {}
            () = engine.ended.cancelled() => return Err(EngineError::Store(StoreError::Closed)),
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// Repeats a block, which ends in a result, for as long as the store does not answer. A macro, because an async closure
/// would not be `Send`.
macro_rules! patiently {
    ($engine:expr, $attempt:block) => {{
        let mut patience = $crate::patience::Patience::new();
        loop {
            let attempt: Result<_, $crate::EngineError> = async { $attempt }.await;
            match attempt {
                Ok(value) => break Ok(value),
                Err(error) => {
                    if let Err(final_error) = patience.wait($engine, error).await {
                        break Err(final_error);
                    }
                }
            }
        }
    }};
}
pub(crate) use patiently;
