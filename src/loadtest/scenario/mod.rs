//! Who says what when. Owns: [`Scenario`], and the one for each name of the command line. Never: knows a socket, or
//! what an answer's bytes are.

mod group;
mod idle;
mod join;
mod login;
mod mixed;
mod offline;
mod pacer;
mod presence;
mod private;

use super::options::Scenario as Name;
use super::people::{self, Friends};
use super::plan::{Pace, Plan};
use super::stage::{Desk, Hall, Outcome, Sent};
use super::stamp::Stamp;

/// Members of each group of a day, about.
const MIXED_MEMBERS: usize = 25;

/// What happens between the simulated people. Sessions are numbers from 0; whoever went comes back by itself, except
/// after [`Desk::leave`].
pub trait Scenario {
    /// Whether a session logs in during the ramp.
    fn is_there_first(&self, _session: u32) -> bool {
        true
    }
    /// Whether a session's times must not be those of this process's work for others ([`World::prefer`]).
    ///
    /// [`World::prefer`]: super::engine::World::prefer
    fn is_preferred(&self, _session: u32) -> bool {
        false
    }
    /// All who are there first are logged in: the load begins. Or it begins once more, after an [`Self::end`]; only where bare relays can be
    /// compared with (`Plan::contradictions`).
    fn begin(&mut self, _desk: &mut Desk<'_>) {}
    /// The load ends: nothing new is sent from here on.
    fn end(&mut self, _desk: &mut Desk<'_>) {}
    /// Somebody is logged in, for the first time or again.
    fn came(&mut self, _desk: &mut Desk<'_>, _session: u32, _again: bool) {}
    /// Somebody's connection ended by itself.
    fn went(&mut self, _desk: &mut Desk<'_>, _session: u32) {}
    /// A request to join a group ended, with success or without.
    fn joined(&mut self, _desk: &mut Desk<'_>, _session: u32) {}
    /// A message's request ended.
    fn answered(&mut self, _desk: &mut Desk<'_>, _session: u32, _sent: Sent, _outcome: Outcome<'_>) {}
    /// The first copy of a message came to one of its receivers.
    fn arrived(&mut self, _desk: &mut Desk<'_>, _session: u32, _stamp: Stamp) {}
    /// Somebody was told that a friend came or went.
    fn presence(&mut self, _desk: &mut Desk<'_>, _session: u32, _online: bool) {}
    /// A time that was asked for by [`Desk::at`].
    fn timer(&mut self, _desk: &mut Desk<'_>, _value: u64, _due_us: u64) {}
    /// What others still have to be told ([`Self::presence`]); a run waits for it.
    fn owed(&self) -> u64 {
        0
    }
    /// Once a second.
    fn each_second(&mut self, _desk: &mut Desk<'_>) {}
    /// Whether there is nothing left to do, so that the load ends before its time.
    fn is_over(&self) -> bool {
        false
    }
}

/// Sessions of a plan, those that are beside the scenario included.
#[must_use]
pub fn sessions(plan: &Plan) -> usize {
    plan.sessions + if has_bystanders(plan) { 2 } else { 0 }
}

/// Whether two people who are in no group write to each other beside it.
#[must_use]
pub fn has_bystanders(plan: &Plan) -> bool {
    plan.scenario == Name::Group && plan.groups == 1 && !plan.is_closed()
}

/// Groups of a plan.
#[must_use]
pub fn groups(plan: &Plan) -> usize {
    match plan.scenario {
        Name::Group | Name::Join => plan.groups,
        Name::Idle | Name::Login if plan.members => plan.groups,
        Name::Mixed => plan.groups.max(plan.sessions / MIXED_MEMBERS),
        _ => 0,
    }
}

/// Sessions that are in groups before the load begins; they are the first ones.
#[must_use]
pub fn grouped(plan: &Plan) -> usize {
    match (plan.scenario, groups(plan)) {
        (_, 0) => 0,
        // Those who made them; the others come.
        (Name::Join, groups) => groups.min(plan.sessions),
        _ => plan.sessions,
    }
}

/// Things to do a second in an open loop; `None` in a closed one, and where there is no loop.
#[must_use]
pub fn rate(plan: &Plan) -> Option<f64> {
    match plan.pace {
        Pace::Open(rate) => Some(rate),
        // A day does not wait for anybody.
        Pace::Closed(_) if plan.scenario == Name::Mixed => Some(plan.sessions as f64 / mixed::EVERY_S),
        Pace::Closed(_) => None,
    }
}

/// Which of the plan's voices a session speaks. Writers and readers, and the members of each group, speak all of them in turn.
#[must_use]
pub fn voice(plan: &Plan, session: usize) -> u16 {
    let voices = plan.voices.len().max(1);
    let turn = match plan.scenario {
        Name::Private | Name::Offline | Name::File => {
            let pair = session / 2;
            if session.is_multiple_of(2) { pair } else { pair / voices }
        }
        Name::Group | Name::Mixed => session / groups(plan).max(1) + session % groups(plan).max(1),
        Name::Idle | Name::Login | Name::Join | Name::Presence => session,
    };
    u16::try_from(turn % voices).unwrap_or_default()
}

/// Who has to be friends before the run: who asks, and whom.
#[must_use]
pub fn friends(plan: &Plan) -> Friends {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let asks = people::writes_to_friends_only(plan);
    match plan.scenario {
        Name::Private | Name::Offline if asks => {
            (0..plan.sessions / 2).map(|pair| (narrow(pair * 2), narrow(pair * 2 + 1))).collect()
        }
        Name::Presence => presence::friends(narrow(plan.sessions)),
        Name::Mixed if asks => mixed::friends(narrow(plan.sessions)),
        Name::Group if asks && has_bystanders(plan) => vec![(narrow(plan.sessions), narrow(plan.sessions + 1))],
        _ => Friends::new(),
    }
}

/// The plan's scenario; what it sends is entered in the hall's ledger.
#[must_use]
pub fn make(plan: &Plan, hall: &mut Hall) -> Box<dyn Scenario> {
    match plan.scenario {
        Name::Private => Box::new(private::Private::new(plan, hall)),
        Name::Group => Box::new(group::Groups::new(plan, hall)),
        Name::Offline => Box::new(offline::Offline::new(plan, hall)),
        Name::Login => Box::new(login::Login::new(plan)),
        Name::Join => Box::new(join::Join::new(plan)),
        Name::Presence => Box::new(presence::Presence::new(plan)),
        Name::Mixed => Box::new(mixed::Mixed::new(plan, hall)),
        // Files go beside the sessions (`run::transfers`).
        Name::Idle | Name::File => Box::new(idle::Idle),
    }
}
