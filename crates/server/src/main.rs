//! The `vtrustx` binary.
fn main() {}
