//! Logged in, and silent: what a session costs. Owns: nothing. Never: says a word.

use super::Scenario;

/// Nothing happens.
pub(super) struct Idle;

impl Scenario for Idle {}
