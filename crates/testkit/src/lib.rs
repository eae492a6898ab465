//! Test counterparts: SMTP server, HTTP sink, simulated clock, a running server. Development only.
