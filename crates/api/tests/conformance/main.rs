//! What holds for every route: it is described, it answers as it is described, it keeps tenants apart and secrets to itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connections;
mod document;
mod house;
mod requests;
mod responses;
mod routes;
mod secrets;
mod tenants;
mod things;
