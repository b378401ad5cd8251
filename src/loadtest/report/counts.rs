//! What became of everything that was sent. Owns: the shape of [`Counts`], and which of them must be 0. Never: counts.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What became of everything. What must not happen is in [`Counts::faults`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Messages and posts written.
    pub sent: u64,
    /// Of those, answered with success.
    pub acknowledged: u64,
    /// Answered with a refusal.
    pub refused: u64,
    /// Never answered: the connection ended first. Each may have been delivered, or not.
    pub unanswered: u64,
    /// Requests of any kind that were never answered, although their connections stayed and the run waited for them.
    #[serde(default)]
    pub silent: u64,
    /// Copies that receivers got, repeated ones not counted.
    pub delivered: u64,
    /// Copies that acknowledged messages owed their receivers, and that never came.
    pub lost: u64,
    /// Copies of posts that were never answered and came to some of the members, which are missing at others.
    #[serde(default)]
    pub torn: u64,
    /// Copies that were missing when a second signal cut the run short, so that nothing is known of them.
    #[serde(default)]
    pub undecided: u64,
    /// Copies that came twice on one connection, or again after the client had acknowledged them.
    pub duplicated: u64,
    /// Copies that came again on a later connection because the server could not know that they had arrived. Every
    /// dialect allows that (docs/dialects.md); they are not `duplicated`.
    pub redelivered: u64,
    /// Copies that came after a later one of the same sender in the same conversation, on whichever connection.
    pub reordered: u64,
    /// Posts of a group that two of its members saw in different orders.
    #[serde(default)]
    pub disagreed: u64,
    /// Copies of messages that had been refused.
    pub ghosts: u64,
    /// Copies that came to somebody whom they were not for.
    #[serde(default)]
    pub misdelivered: u64,
    /// Copies that nobody wrote: never sent, or with another sender, group, text or length than was written.
    #[serde(default)]
    pub forged: u64,
    /// Connections that were given up because what came was no word of the dialect, or an answer to nothing.
    #[serde(default)]
    pub nonsense: u64,
    /// Friends who were not told within 10 s that somebody came or went.
    #[serde(default)]
    pub untold: u64,
    /// Files that arrived whole, every byte compared.
    #[serde(default)]
    pub files: u64,
    /// Files that did not, or not as they were.
    #[serde(default)]
    pub broken_files: u64,
    /// Posts that members missed while they were away and that `group.catch_up` does not bring back: they are in the history.
    pub beyond_catch_up: u64,
    /// Logins that succeeded.
    pub logins: u64,
    /// Groups that somebody joined under load.
    #[serde(default)]
    pub joins: u64,
    /// Connections that were made again after they had broken, or by the scenario.
    pub reconnects: u64,
    /// What went wrong, by its text.
    pub errors: BTreeMap<String, u64>,
}

impl Counts {
    /// Everything that must not happen, by its name and in a reader's words: one of them fails a run.
    #[must_use]
    pub fn faults(&self) -> [(&'static str, &'static str, u64); 12] {
        [
            ("lost", "lost", self.lost),
            ("duplicated", "duplicated", self.duplicated),
            ("reordered", "reordered", self.reordered),
            ("ghosts", "delivered though refused", self.ghosts),
            ("torn", "delivered to some members only", self.torn),
            ("disagreed", "in different orders at two members", self.disagreed),
            ("misdelivered", "delivered to somebody else", self.misdelivered),
            ("forged", "never written as they came", self.forged),
            ("silent", "never answered on a live connection", self.silent),
            ("nonsense", "connections with nonsense or an answer to nothing", self.nonsense),
            ("untold", "friends not told of a move", self.untold),
            ("broken_files", "files not whole", self.broken_files),
        ]
    }
}
