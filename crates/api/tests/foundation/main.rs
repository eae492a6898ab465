//! What every route has in common, through the whole router on a store in a folder that goes away: who may ask, what may
//! come in, what comes out.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod house;
mod identity;
mod refusals;
mod secrets;
