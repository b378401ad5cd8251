//! Whose turn it is when a server and bare relays are measured beside each other. Owns: the order, and how long each turn is. Never: measures.
//!
//! A machine's speed may change by a third within minutes, where others have part of it. So nobody has all of its time at once: what slows down
//! one of them for a while slows down the others as well, and cancels out in the ratio of their sums.

use crate::loadtest::options::Scenario;
use crate::loadtest::plan::Plan;
use std::time::Duration;

/// About how long a turn of the server is unless --turns says otherwise: short beside how a machine's speed changes, long beside what a turn's
/// beginning and end cost. (Of four runs of ten seconds each, one private message outstanding, the ratio of CPU was from 1.81 to 1.88 with it, and from
/// 1.66 to 1.91 with 2.5 s.)
const TURN: Duration = Duration::from_millis(500);
/// The same for files: each turn begins with a login and a wait (`relay.settle_ms`), and ends with a whole file.
const FILE_TURN: Duration = Duration::from_millis(2500);

/// One turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Which relay, in the order of --baseline; `None`: the server.
    pub(super) relay: Option<usize>,
    pub(super) length: Duration,
    /// It has no other after it.
    pub(super) last: bool,
}

/// How often the server has a turn.
pub(super) fn count(plan: &Plan) -> u32 {
    let turn = if plan.scenario == Scenario::File { FILE_TURN } else { TURN };
    match (plan.baselines.len(), plan.turns) {
        (0, _) => 1,
        (_, Some(turns)) => turns,
        (_, None) => u32::try_from(plan.duration.as_millis() / turn.as_millis()).unwrap_or(u32::MAX).max(1),
    }
}

/// Before, between and behind the server's turns each relay has one, those at the two ends half as long: all have the same time, around nearly the same
/// middle. Several relays change their order from one time to the next.
pub(super) fn alternating(count: u32, duration: Duration, relays: usize) -> Vec<Turn> {
    let count = count.max(1);
    let length = duration / count;
    let mut turns = Vec::new();
    for gap in 0..=count {
        let length = if gap == 0 || gap == count { length / 2 } else { length };
        let group = (0..relays).map(|at| if gap % 2 == 0 { at } else { relays - 1 - at });
        turns.extend(group.map(|at| Turn { relay: Some(at), length, last: gap == count }));
        if gap < count {
            turns.push(Turn { relay: None, length: duration / count, last: gap + 1 == count });
        }
    }
    turns
}

/// One after the other, each for all of its time, the server last: where there are not enough open files for all of them at once.
pub(super) fn apart(duration: Duration, relays: usize) -> Vec<Turn> {
    let all = (0..relays).map(Some).chain([None]);
    all.map(|relay| Turn { relay, length: duration, last: true }).collect()
}

#[cfg(test)]
mod tests {
    use super::{Turn, alternating, apart};
    use std::time::Duration;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn all_have_the_same_time_around_the_same_middle() {
        for (count, relays) in [(1, 1), (4, 1), (3, 2), (4, 2)] {
            let turns = alternating(count, 12 * S, relays);
            for side in (0..relays).map(Some).chain([None]) {
                let (mut at, mut time, mut middle) = (0.0, 0.0, 0.0);
                for turn in &turns {
                    let length = turn.length.as_secs_f64();
                    if turn.relay == side {
                        time += length;
                        middle += length * (at + length / 2.0);
                    }
                    at += length;
                }
                assert!((time - 12.0).abs() < 1e-6, "{count} {relays} {side:?}: {time}");
                // With two relays and an even number of gaps, the two are as far from the middle as one of the short turns is long.
                assert!((middle / time - at / 2.0).abs() <= 3.0, "{count} {relays} {side:?}: {}", middle / time);
                assert_eq!(turns.iter().filter(|turn| turn.relay == side && turn.last).count(), 1);
                assert!(turns.iter().rfind(|turn| turn.relay == side).unwrap().last);
            }
        }
    }

    #[test]
    fn relays_are_around_every_turn_of_the_server() {
        let who = |turns: Vec<Turn>| turns.into_iter().map(|turn| turn.relay).collect::<Vec<_>>();
        let (a, b) = (Some(0), Some(1));
        assert_eq!(who(alternating(2, S, 1)), [a, None, a, None, a]);
        assert_eq!(who(alternating(2, S, 2)), [a, b, None, b, a, None, a, b]);
        assert_eq!(who(apart(S, 2)), [a, b, None]);
        // Without relays there is nothing to take turns with.
        assert_eq!(alternating(1, S, 0), [Turn { relay: None, length: S, last: true }]);
        assert_eq!(alternating(1, S, 0), apart(S, 0));
    }
}
