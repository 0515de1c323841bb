//! What a cache and a rate limiter promise, in this process and in Redis.
//!
//! Redis is Debian's, which `make test` installs; where there is no apt these tests are not compiled.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bed;
mod cache;
mod limiter;
mod server;
