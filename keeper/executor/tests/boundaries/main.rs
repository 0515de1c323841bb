//! Where the executor meets other services: the KMS endpoint and the private relay.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod kms;
mod relay;
