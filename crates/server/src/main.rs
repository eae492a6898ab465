//! The `vtrustx` binary.

#[expect(dead_code, reason = "read by `serve`, which comes with the api")]
mod config;

fn main() {}
