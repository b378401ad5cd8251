//! What cannot be asked together. Owns: every such rule, with the words for who broke it. Never: changes what was asked.

use super::{Against, Pace, Plan, Speech, Voice};
use crate::loadtest::options::{Baseline, Loadtest, Scenario};
use crate::loadtest::stamp::Stamp;
use std::time::Duration;

/// Sessions of the scenario `file`, at the most: each has a thread.
const MOST_FILE_SESSIONS: usize = 256;
/// Texts that `framed` surely takes in a group (docs/framed.md).
const FRAMED_BYTES: u64 = 1400;
/// What the server takes unless `message.max_bytes` says otherwise.
const TEXT_BYTES: u64 = 32_768;
/// More on their way from one sender than this measure nothing but the buffers between.
const MAX_OUTSTANDING: usize = 4096;

impl Plan {
    pub(super) fn contradictions(&self, options: &Loadtest, wrong: &mut Vec<String>) {
        let scenario = self.name();
        let mut check = |is_fine: bool, line: String| {
            if !is_fine {
                wrong.push(line);
            }
        };
        check(self.sessions > 0, "--sessions must be at least 1".into());
        if options.duration.trim() != "" {
            check(!self.duration.is_zero(), "--duration must be longer than nothing".into());
        }
        if let Pace::Open(rate) = self.pace {
            check(
                rate.is_finite() && rate > 0.0 && rate <= 1e7,
                format!("--rate {rate} must be above 0, and at most 10000000"),
            );
            check(
                options.outstanding == 1,
                "--outstanding is for closed loops: leave it out, or leave --rate out".into(),
            );
        }
        let fits = (1..=MAX_OUTSTANDING).contains(&options.outstanding);
        check(fits, format!("--outstanding must be from 1 to {MAX_OUTSTANDING}"));
        let many = self.groups > 0;
        check(many, "--groups must be at least 1".into());
        let has_groups = matches!(self.scenario, Scenario::Group | Scenario::Mixed | Scenario::Join) || self.members;
        check(self.groups == 1 || has_groups, format!("--groups is not for {scenario}: there are no groups in it"));
        let posts = self.scenario == Scenario::Group;
        check(self.posters.is_none() || posts, format!("--posters is for group, not for {scenario}"));
        check(self.posters != Some(0), "--posters must be at least 1".into());
        let again = matches!(self.scenario, Scenario::Private | Scenario::Group);
        check(self.warm.is_zero() || again, format!("--warm is for private and group, not for {scenario}"));
        check(self.warm.is_zero() || self.chaos.is_none(), "--warm is not for --chaos".into());
        let silent = matches!(self.scenario, Scenario::Idle | Scenario::Login);
        check(!self.members || silent, format!("--members is for idle and login, not for {scenario}"));
        check(
            self.groups <= self.sessions || !(self.members || self.scenario == Scenario::Join),
            format!("--groups {}: at most one for each of the {} --sessions", self.groups, self.sessions),
        );
        let logs_in = self.scenario == Scenario::Login;
        check(!self.reconnect || logs_in, format!("--reconnect is for login, not for {scenario}"));
        check(
            self.reconnect || !logs_in || self.voices.iter().all(|voice| voice.speech != Speech::Framed),
            "login: framed ends the connection at a logout; add --reconnect, or leave framed out".into(),
        );
        let takes_outstanding = matches!(self.scenario, Scenario::Private | Scenario::Offline | Scenario::Group);
        check(
            options.outstanding == 1 || takes_outstanding,
            format!("--outstanding is for private, offline and group, not for {scenario}"),
        );
        match self.scenario {
            Scenario::Private | Scenario::Offline | Scenario::File => {
                let even = self.sessions.is_multiple_of(2);
                check(even, format!("{scenario}: --sessions must be even, since they are pairs"));
            }
            Scenario::Group => {
                let least = self.groups.saturating_mul(2);
                check(
                    self.sessions >= least,
                    format!("group: {} groups need at least {least} --sessions, two members each", self.groups),
                );
            }
            Scenario::Presence | Scenario::Mixed => {
                check(self.sessions >= 4, format!("{scenario}: needs at least 4 --sessions"));
            }
            Scenario::Join => check(self.sessions >= 2, "join: needs at least 2 --sessions".into()),
            Scenario::Idle | Scenario::Login => {}
        }
        if matches!(self.scenario, Scenario::Idle | Scenario::Login | Scenario::Join | Scenario::File) {
            check(self.is_closed(), format!("--rate is not for {scenario}: it sends no messages"));
        }
        if matches!(self.scenario, Scenario::Login | Scenario::Join | Scenario::File) {
            check(self.chaos.is_none(), format!("--chaos is not for {scenario}"));
        }
        if self.scenario == Scenario::Offline {
            check(self.is_closed(), "--rate is not for offline: it measures how fast can be stored".into());
            let keeps = self.voices.iter().all(|voice| voice.speech != Speech::Plain);
            let keeps = keeps || options.set.iter().any(|set| set.key == "plain.store_offline" && set.value == "true");
            check(
                keeps,
                "offline: plain refuses messages to those who are away; speak binary or framed, or \
                 --set plain.store_offline=true"
                    .into(),
            );
        }
        if self.scenario == Scenario::File {
            let bare =
                self.voices.iter().all(|voice| *voice == Voice { speech: Speech::Plain, web: false, tls: false });
            check(
                self.sessions <= MOST_FILE_SESSIONS,
                format!("file: at most {MOST_FILE_SESSIONS} --sessions, each has a thread of its own"),
            );
            check(bare, "file: only plain over tcp is spoken here; leave --dialect, --link and --tls out".into());
        } else {
            let least = Stamp::MIN_BYTES as u64;
            check(
                self.size >= least,
                format!(
                    "--size {}: a text holds who wrote it, its number and its time, at least {least} bytes",
                    self.size
                ),
            );
            check(self.size <= TEXT_BYTES, format!("--size {}: a text has at most {TEXT_BYTES} bytes", self.size));
            let framed = self.voices.iter().any(|voice| voice.speech == Speech::Framed);
            check(
                !framed || self.size <= FRAMED_BYTES,
                format!("--size {}: framed surely takes texts of up to {FRAMED_BYTES} bytes only", self.size),
            );
        }
        if !self.baselines.is_empty() {
            let fits = |kind: &Baseline| match kind {
                Baseline::Relay | Baseline::Durable => matches!(self.scenario, Scenario::Private | Scenario::Group),
                Baseline::Splice | Baseline::Copy => self.scenario == Scenario::File,
            };
            check(
                self.baselines.iter().all(fits),
                format!(
                    "--baseline: relay and durable are for private and group, splice and copy for file; this is {scenario}"
                ),
            );
            check(self.against != Against::InProcess, "--baseline is not for --in-process: a relay has sockets".into());
            check(self.chaos.is_none(), "--baseline and --chaos: a relay stores nothing that would survive".into());
        }
        if let Some(every) = self.chaos {
            check(
                every >= Duration::from_secs(1),
                "--chaos restart=TIME: at least 1s, a server must have time to start".into(),
            );
        }
        check(self.ca.is_none() || options.tls, "--ca is for --tls".into());
        check(
            !options.tls || self.against != Against::InProcess,
            "--tls is not for --in-process: there is nothing between the two".into(),
        );
    }
}
