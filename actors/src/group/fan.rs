//! What a group has to tell its listeners, in order, as a plain struct. Owns: which posts go out together (a round), which
//! listeners have not got them yet, and what was said to the group that must wait until they have. Never: sends anything, or
//! knows what a post or a word is.
//!
//! A large group is served slice by slice, with others' turns between two slices: each listener is a write, and a message
//! between two others would wait behind thousands of them. What is posted meanwhile goes out together in the next round, each
//! listener in one write: a round of many costs little more than a round of one, so a queue does not grow with the group.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;
use tokio::time::Instant;

/// Listeners that get one post before others have their turn; where there are several posts, fewer.
const SLICE: usize = 128;
/// Posts that cost about as much as one write more.
const CHEAP: usize = 8;
/// Posts that go out together: as many pieces as one write of a session gathers.
const ROUND: usize = 64;

enum Turn<P, W> {
    Post(P, usize),
    Word(W),
}

/// Posts of the kind `P` on their way, and words of the kind `W` behind them.
pub(super) struct Fan<P, W> {
    /// What is being delivered. Empty between rounds.
    round: Vec<P>,
    /// So many of the listeners, from the first on, have not got it.
    unserved: usize,
    round_bytes: usize,
    waiting: VecDeque<Turn<P, W>>,
    words: usize,
    /// Of all posts, those of the round included.
    bytes: usize,
    most: (usize, usize),
    /// How long a round may wait for as many posts as the last one had.
    patience: Duration,
    /// When the last round ended, and how many posts it had.
    last: Option<(Instant, usize)>,
}

impl<P, W> Fan<P, W> {
    /// Nothing is on its way. A round has one post, and more only up to `posts` of them and `bytes`: each session must have room
    /// for all of it. One to many listeners waits up to `patience` after the last for as many posts as that had.
    pub(super) fn new(posts: usize, bytes: usize, patience: Duration) -> Self {
        Self {
            round: Vec::new(),
            unserved: 0,
            round_bytes: 0,
            waiting: VecDeque::new(),
            words: 0,
            bytes: 0,
            most: (posts.clamp(1, ROUND), bytes),
            patience,
            last: None,
        }
    }

    /// Whether everybody has everything.
    pub(super) fn is_idle(&self) -> bool {
        self.round.is_empty() && self.waiting.is_empty()
    }

    /// Bytes of the posts that are on their way.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// One more post, behind all that came before it.
    pub(super) fn push(&mut self, post: P, bytes: usize) {
        self.bytes += bytes;
        self.waiting.push_back(Turn::Post(post, bytes));
    }

    /// Gives a word back that may be heard now, or keeps it until its turn. One that takes listeners away (`parting`) waits for all
    /// posts before it; any other only for the words before it.
    pub(super) fn hear(&mut self, word: W, parting: bool) -> Option<W> {
        if self.words == 0 && (!parting || self.is_idle()) {
            return Some(word);
        }
        self.words += 1;
        self.waiting.push_back(Turn::Word(word));
        None
    }

    /// Until when the next round to so many listeners is worth waiting for: those who wrote the last one may be about to write
    /// again. Nothing, where it may begin.
    pub(super) fn waits_until(&self, now: Instant, listeners: usize) -> Option<Instant> {
        // A word in the queue ends the round anyhow, and one slice is soon written twice.
        if !self.round.is_empty() || self.words > 0 || listeners <= SLICE {
            return None;
        }
        let (ended, posts) = self.last?;
        let until = ended + self.patience;
        (self.waiting.len() < posts && now < until).then_some(until)
    }

    /// Begins a round for so many listeners, where none is under way and posts are next; says whether it did.
    pub(super) fn begin(&mut self, listeners: usize) -> bool {
        if !self.round.is_empty() {
            return false;
        }
        let (posts, bytes) = self.most;
        while let Some(Turn::Post(_, more)) = self.waiting.front()
            && (self.round.is_empty() || (self.round.len() < posts && self.round_bytes + more <= bytes))
            && let Some(Turn::Post(post, more)) = self.waiting.pop_front()
        {
            self.round_bytes += more;
            self.round.push(post);
        }
        self.unserved = listeners;
        !self.round.is_empty()
    }

    /// The posts of the round.
    pub(super) fn round(&self) -> &[P] {
        &self.round
    }

    /// Which of the listeners, of so many as there are now, get the round next. From the end, where who comes is put, and whose
    /// last takes the place of who leaves: so nobody is left out. Who gets it twice knows by the mark.
    pub(super) fn slice(&mut self, listeners: usize) -> Range<usize> {
        let end = self.unserved.min(listeners);
        self.unserved = end.saturating_sub(SLICE / (1 + self.round.len().saturating_sub(1) / CHEAP));
        self.unserved..end
    }

    /// Ends the round, if all have it; says how many posts that were.
    pub(super) fn end(&mut self, now: Instant) -> usize {
        if self.unserved > 0 {
            return 0;
        }
        let posts = self.round.len();
        if posts > 0 {
            self.last = Some((now, posts));
        }
        self.bytes -= std::mem::take(&mut self.round_bytes);
        self.round.clear();
        if self.waiting.is_empty() {
            // A flood leaves no memory behind.
            self.round.shrink_to(CHEAP);
            self.waiting.shrink_to(CHEAP);
        }
        posts
    }

    /// The next word whose turn has come.
    pub(super) fn word(&mut self) -> Option<W> {
        if !self.round.is_empty() || !matches!(self.waiting.front(), Some(Turn::Word(_))) {
            return None;
        }
        match self.waiting.pop_front() {
            Some(Turn::Word(word)) => {
                self.words -= 1;
                Some(word)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fan, ROUND, SLICE};
    use std::time::Duration;
    use tokio::time::Instant;

    const PATIENCE: Duration = Duration::from_millis(3);

    type Posts = Fan<u32, &'static str>;

    fn fan() -> Posts {
        Fan::new(usize::MAX, 1000, PATIENCE)
    }

    /// Goes through one slice; says who got what, and which words were heard behind it.
    fn turn(fan: &mut Posts, listeners: usize) -> (std::ops::Range<usize>, Vec<u32>, Vec<&'static str>) {
        fan.begin(listeners);
        let (slice, posts) =
            if fan.round().is_empty() { (0..0, vec![]) } else { (fan.slice(listeners), fan.round().to_vec()) };
        fan.end(Instant::now());
        let words = std::iter::from_fn(|| fan.word()).collect();
        (slice, posts, words)
    }

    #[test]
    fn everybody_gets_a_post_slice_by_slice_from_the_end() {
        let mut fan = fan();
        fan.push(1, 10);
        assert_eq!(turn(&mut fan, 300), (172..300, vec![1], vec![]));
        assert_eq!(turn(&mut fan, 300), (44..172, vec![1], vec![]));
        assert_eq!(fan.bytes(), 10);
        assert_eq!(turn(&mut fan, 300), (0..44, vec![1], vec![]));
        assert!(fan.is_idle());
        assert_eq!(fan.bytes(), 0);
    }

    #[test]
    fn what_comes_meanwhile_goes_out_together() {
        let mut fan = fan();
        fan.push(1, 1);
        turn(&mut fan, 200);
        (2..=9).for_each(|post| fan.push(post, 1));
        assert_eq!(turn(&mut fan, 200), (0..72, vec![1], vec![]), "not in the midst of a round");
        let (slice, posts, _) = turn(&mut fan, 200);
        assert_eq!((slice, posts), (72..200, (2..=9).collect()), "eight are not much more than one");
        assert_eq!(turn(&mut fan, 200).0, 0..72);
        assert!(fan.is_idle());
    }

    #[test]
    fn a_round_is_bounded_and_its_slices_are_shorter() {
        let mut fan = Fan::<u32, ()>::new(usize::MAX, 1000, PATIENCE);
        (0..200).for_each(|post| fan.push(post, 1));
        assert!(fan.begin(1000));
        assert_eq!(fan.round().len(), ROUND);
        assert_eq!(fan.slice(1000), 1000 - SLICE / 8..1000);
        // By bytes, but for one that is too long for itself.
        let mut fan = Fan::<u32, ()>::new(usize::MAX, 1000, PATIENCE);
        [2000, 600, 400, 1].into_iter().for_each(|bytes| fan.push(0, bytes));
        let mut rounds = Vec::new();
        while fan.begin(0) {
            fan.slice(0);
            rounds.push(fan.end(Instant::now()));
        }
        assert_eq!(rounds, [1, 2, 1]);
        // And by what a mailbox takes.
        let mut fan = Fan::<u32, ()>::new(4, 1000, PATIENCE);
        (0..9).for_each(|post| fan.push(post, 1));
        fan.begin(1);
        assert_eq!(fan.round().len(), 4);
    }

    #[test]
    fn who_parts_has_what_was_posted_before() {
        let mut fan = fan();
        assert_eq!(fan.hear("left", true), Some("left"), "nothing is on its way");
        fan.push(1, 1);
        turn(&mut fan, 300);
        assert_eq!(fan.hear("joined", false), Some("joined"));
        assert_eq!(fan.hear("left", true), None);
        assert_eq!(fan.hear("joined again", false), None, "behind it");
        fan.push(2, 1);
        assert_eq!(turn(&mut fan, 300), (44..172, vec![1], vec![]));
        assert_eq!(turn(&mut fan, 300), (0..44, vec![1], vec!["left", "joined again"]));
        assert_eq!(turn(&mut fan, 1), (0..1, vec![2], vec![]));
        assert!(fan.is_idle());
        assert_eq!(fan.hear("left", true), Some("left"));
    }

    #[test]
    fn words_that_wait_part_the_posts() {
        let mut fan = fan();
        fan.push(1, 1);
        fan.push(2, 1);
        assert_eq!(fan.hear("left", true), None);
        fan.push(3, 1);
        assert_eq!(turn(&mut fan, 1), (0..1, vec![1, 2], vec!["left"]));
        assert_eq!(turn(&mut fan, 0), (0..0, vec![3], vec![]), "nobody listens any more");
        assert!(fan.is_idle());
    }

    #[test]
    fn listeners_come_and_go_between_two_slices() {
        let mut fan = fan();
        fan.push(1, 1);
        assert_eq!(turn(&mut fan, 300).0, 172..300);
        assert_eq!(turn(&mut fan, 150).0, 22..150, "those who are left, each of them unserved");
        assert_eq!(turn(&mut fan, 500).0, 0..22, "who comes is put behind them");
        assert!(fan.is_idle());
    }

    #[test]
    fn a_round_to_many_waits_for_as_many_posts_as_the_last_had() {
        let (mut fan, now) = (fan(), Instant::now());
        let deliver = |fan: &mut Posts, now| {
            fan.begin(1000);
            while !fan.round().is_empty() {
                fan.slice(1000);
                fan.end(now);
            }
        };
        fan.push(1, 1);
        assert_eq!(fan.waits_until(now, 1000), None, "the first round");
        deliver(&mut fan, now);
        fan.push(2, 1);
        assert_eq!(fan.waits_until(now, 1000), None, "as many as the last");
        fan.push(3, 1);
        deliver(&mut fan, now);
        fan.push(4, 1);
        assert_eq!(fan.waits_until(now, 1000), Some(now + PATIENCE));
        assert_eq!(fan.waits_until(now, SLICE), None, "few are soon served");
        assert_eq!(fan.waits_until(now + PATIENCE, 1000), None, "so long, and no longer");
        fan.push(5, 1);
        assert_eq!(fan.waits_until(now, 1000), None, "they have come");
        deliver(&mut fan, now);
        fan.push(6, 1);
        assert_eq!(fan.hear("left", true), None);
        assert_eq!(fan.waits_until(now, 1000), None, "somebody waits behind it");
        fan.begin(1000);
        assert_eq!(fan.waits_until(now, 1000), None, "it is under way");
    }

    #[test]
    fn a_flood_leaves_no_memory_behind() {
        let mut fan = fan();
        (0..5000).for_each(|post| fan.push(post, 1));
        while !fan.is_idle() {
            turn(&mut fan, 1);
        }
        assert!(fan.waiting.capacity() + fan.round.capacity() < 100);
    }
}
