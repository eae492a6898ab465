//! Real counterparts for tests: an SMTP server, an HTTP receiver that misbehaves on demand, a clock moved by hand.
//!
//! Development only: no crate depends on this one outside its tests. A counterpart speaks the real protocol over a
//! real socket, because a stub only proves that the code agrees with itself.

pub mod clock;
pub mod patience;
pub mod place;
pub mod postgres;
pub mod proxy;
pub mod sink;
pub mod smtp;
pub mod systems;
pub mod tables;

pub use clock::SimulatedClock;
pub use sink::Sink;
pub use smtp::SmtpServer;
