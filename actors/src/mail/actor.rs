//! The mailer's actor: the shell around [`Bag`].
//! Owns: letters that are not sent yet. Hears: the store (a code is committed), whoever carries mail (what became of an
//! attempt). Tells: whoever carries mail. If it dies the process ends: nobody would get a code any more, and nobody
//! would be told so.

use super::bag::{Bag, Next, Patience};
use super::carrier::{Fate, Mails, Report};
use super::letter::Letter;
use crate::house::{Essential, House};
use actix::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A letter whose code is committed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Post(pub Box<Letter>);

/// An attempt has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Ended {
    number: u64,
    fate: Fate,
}

/// The server stops: what waits for another attempt is dropped, the rest is tried.
#[derive(Message)]
#[rtype(result = "()")]
pub struct DrainMail {
    /// Told, or dropped, when nothing is left.
    pub done: oneshot::Sender<()>,
}

/// The server stops now: what is not sent is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopMail;

/// The actor.
pub struct Mailer {
    bag: Bag,
    mails: Arc<dyn Mails>,
    /// Told when nothing is left.
    drained: Option<oneshot::Sender<()>>,
    dropped: usize,
    _essential: Essential,
}

impl Mailer {
    /// Over whoever carries mail.
    #[must_use]
    pub fn new(house: &House, mails: Arc<dyn Mails>) -> Self {
        let mail = &house.settings.mail;
        let patience = Patience { tries: mail.tries, pause: Duration::from_secs(mail.retry_s) };
        let essential = Essential::new("mailer", house.watch.clone());
        Self { bag: Bag::new(patience), mails, drained: None, dropped: 0, _essential: essential }
    }

    fn pump(&mut self, ctx: &mut Context<Self>) {
        while let Some((number, letter)) = self.bag.begin() {
            let myself = ctx.address();
            self.mails.send(letter, Report::new(move |fate| myself.do_send(Ended { number, fate })));
        }
        if self.bag.len() == 0 && self.drained.is_some() {
            self.stop(ctx);
        }
    }

    fn stop(&mut self, ctx: &mut Context<Self>) {
        let dropped = self.dropped + self.bag.len();
        if dropped > 0 {
            log::warn!(
                "mail: letters that were not sent before the stop, and will not be: {dropped}; their codes stay good"
            );
        }
        if let Some(drained) = self.drained.take() {
            // Whoever waited may have given up.
            let _ = drained.send(());
        }
        ctx.stop();
    }
}

impl Actor for Mailer {
    type Context = Context<Self>;
}

impl Handler<Post> for Mailer {
    type Result = ();

    fn handle(&mut self, Post(letter): Post, ctx: &mut Context<Self>) {
        self.bag.add(*letter, Instant::now());
        self.pump(ctx);
    }
}

impl Handler<Ended> for Mailer {
    type Result = ();

    fn handle(&mut self, Ended { number, fate }: Ended, ctx: &mut Context<Self>) {
        let Some((letter, tried, next)) = self.bag.ended(number, &fate, Instant::now()) else { return };
        let attempt = if tried == 1 { String::new() } else { format!(" (attempt {tried})") };
        let said = match fate {
            Fate::Sent(said) => said,
            // Somebody else's words.
            Fate::Later(said) | Fate::Refused(said) => letter.redacted(&said),
        };
        let domain = letter.domain();
        match next {
            Next::Sent => log::info!("{said}{attempt}"),
            Next::Rest(_) if self.drained.is_some() => self.dropped += self.bag.forget_resting(),
            Next::Rest(pause) => {
                let s = pause.as_secs();
                log::warn!("mail: a letter to …@{domain} is tried again in {s} s{attempt}: {said}");
                ctx.run_later(pause, move |mailer, ctx| {
                    mailer.bag.rested(number);
                    mailer.pump(ctx);
                });
            }
            Next::GivenUp => log::error!("mail: a letter to …@{domain} is given up{attempt}: {said}"),
        }
        self.pump(ctx);
    }
}

impl Handler<DrainMail> for Mailer {
    type Result = ();

    fn handle(&mut self, DrainMail { done }: DrainMail, ctx: &mut Context<Self>) {
        self.dropped += self.bag.forget_resting();
        self.drained = Some(done);
        self.pump(ctx);
    }
}

impl Handler<StopMail> for Mailer {
    type Result = ();

    fn handle(&mut self, _: StopMail, ctx: &mut Context<Self>) {
        self.stop(ctx);
    }
}
