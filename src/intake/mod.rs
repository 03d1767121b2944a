//! Intake: receivers → pipeline → store, in batches. The daemon's heart; it ends when it is told to, with all it has heard
//! committed. What it works with (receivers, families, registry, options) may be changed while it works.
//!
//! ```text
//! receiver ─┐
//! receiver ─┼─► bounded queue ─► pipeline ─► batch ─► store        every few seconds, or when the batch is full
//! receiver ─┘
//! ```

mod ears;
mod gathering;
mod listen;
mod open;
mod rhythm;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver as Queue, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use collector::serial::Silence;
use collector::{Condition, Health, Receiver, Telegram};
use decoders::Families;
use jiff::Timestamp;
use tracing::{error, info, warn};

use crate::clock::{GatewayClock, Look};
use crate::config::{self, Accept};
use crate::logging::Often;
use crate::store::{Keeping, ReceiverState, Retention, Store, StoreError};
pub use ears::{Ears, Heard};
pub use gathering::Gathering;
use listen::{Item, PATIENCE, listen};
pub use open::open;
use rhythm::Rhythm;

/// How to commit and what to keep.
#[derive(Clone, Debug)]
pub struct Options {
    /// A batch is committed after this long …
    pub commit_every: Duration,
    /// … or when it has this many telegrams.
    pub commit_telegrams: usize,
    /// What is let go of, and when.
    pub retention: Retention,
    /// Whose telegrams are kept.
    pub accept: Accept,
}

/// What an intake works with; all of it may change while it works.
pub struct Setup {
    /// Where telegrams come from.
    pub receivers: Vec<config::Receiver>,
    /// How they are read.
    pub families: Families,
    /// How they are kept.
    pub options: Options,
}

/// What came of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Receivers that were begun.
    pub begun: Vec<String>,
    /// Receivers that were ended.
    pub ended: Vec<String>,
    /// Receivers that could not be begun, each with the reason.
    pub refused: Vec<String>,
    /// Meters in the registry.
    pub meters: usize,
}

/// What reaches an intake from outside.
#[derive(Clone)]
pub struct Control {
    queue: SyncSender<Item>,
    pulse: Arc<AtomicU64>,
}

impl Control {
    /// Changes what the intake works with; waits until that is done. Nothing that waits to be read is lost by it.
    ///
    /// `None` when the intake has ended.
    pub fn change(&self, setup: Setup) -> Option<Changed> {
        let (answer, answered) = channel();
        self.queue.send(Item::Setup(Box::new(setup), answer)).ok()?;
        answered.recv().ok()
    }

    /// A number that grows as long as the intake gets on with its work.
    pub fn pulse(&self) -> u64 {
        self.pulse.load(Ordering::Relaxed)
    }
}

/// A receiver at work.
struct Source {
    config: config::Receiver,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    /// Of a receiver that can fall silent: how long is too long, and what is usual.
    silence: Option<(Silence, Rhythm)>,
    /// How often it had to be helped when it was last seen.
    helped: u64,
}

impl Source {
    /// Tells the receiver how long a silence is usual at this hour; never for one that shall not be judged.
    fn set_silence(&self, now: Timestamp) {
        let least = Duration::from_secs(self.config.silence_seconds.into());
        if let Some((silence, rhythm)) = &self.silence
            && !least.is_zero()
        {
            silence.set(rhythm.normal(now, least));
        }
    }

    /// What a receiver's state says of the silence before the next telegram.
    fn follow(&mut self, health: &Health) {
        let helped = health.opened + health.losses + health.asked + health.resets + health.reopened;
        if (helped != self.helped || health.condition != Condition::Listening)
            && let Some((_, rhythm)) = &mut self.silence
        {
            rhythm.interrupted();
        }
        self.helped = helped;
    }
}

/// What was heard last and could not be stored.
#[derive(Debug)]
pub struct Unstored {
    /// Why.
    pub error: StoreError,
    /// Telegrams of registered meters.
    pub telegrams: Vec<Telegram>,
}

/// Receivers, pipeline and store, joined.
pub struct Intake {
    store: Arc<dyn Store>,
    gathering: Gathering,
    options: Options,
    stop: Arc<AtomicBool>,
    /// How receivers are, by name, as far as the store does not know it yet.
    health: BTreeMap<Arc<str>, Health>,
    sources: Vec<Source>,
    queue: Option<Queue<Item>>,
    sender: SyncSender<Item>,
    pulse: Arc<AtomicU64>,
    clock: GatewayClock,
    /// Whether the clock can be believed, for whoever judges by it.
    sane: Arc<AtomicBool>,
    /// How storing goes, for whoever is asked.
    keeping: Arc<Keeping>,
    /// Which refusal the log has.
    told_refusal: Option<&'static str>,
    /// What may fail with every telegram or batch, and need not fill the log.
    unretained: Often,
}

/// Telegrams that wait between receivers and pipeline. A radio channel carries some thirty in a second; their places are
/// in memory from the beginning.
const QUEUE: usize = 1024;
/// Telegrams that are held while the store refuses: ten minutes of a full channel, some ten megabytes.
const HELD: usize = 20_000;
/// How long a store that refuses is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// A commit that takes longer is worth a word.
const SLOW: Duration = Duration::from_secs(10);
/// How often receivers are told what is usual: an hour has its own rhythm. A page of the store each time.
const TUNE_EVERY: Duration = Duration::from_secs(600);
/// How often what is old is let go of.
const RETAIN_EVERY: Duration = Duration::from_secs(3600);
/// … and between two pieces of it.
const RETAIN_AGAIN: Duration = Duration::from_secs(1);

impl Intake {
    /// Joins a store and what telegrams are read with; `stop` ends it.
    ///
    /// # Errors
    /// The registry can't be read.
    pub fn new(
        store: Arc<dyn Store>,
        families: Families,
        options: Options,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, StoreError> {
        let gathering = Gathering::new(Arc::clone(&store), families, options.accept)?;
        let (sender, queue) = sync_channel(QUEUE);
        let known = store.radios()?.iter().map(|radio| radio.last_heard).max();
        let mut intake = Self {
            store,
            gathering,
            options,
            stop,
            health: BTreeMap::new(),
            sources: Vec::new(),
            queue: Some(queue),
            sender,
            pulse: Arc::new(AtomicU64::new(0)),
            clock: GatewayClock::new(known, Instant::now()),
            sane: Arc::new(AtomicBool::new(true)),
            keeping: Arc::default(),
            told_refusal: None,
            unretained: Often::new(),
        };
        intake.look_at_clock();
        Ok(intake)
    }

    /// Whether the gateway's clock can be believed right now, for whoever judges by it.
    pub fn sanity(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.sane)
    }

    /// How storing goes, for whoever is asked.
    pub fn keeping(&self) -> Arc<Keeping> {
        Arc::clone(&self.keeping)
    }

    fn look_at_clock(&mut self) -> Look {
        let look = self.clock.look();
        self.sane.store(look.is_sane, Ordering::Relaxed);
        if let Some(news) = &look.news {
            warn!(event = "clock.news", %news, "the gateway's clock");
        }
        look
    }

    /// What reaches it from outside while it runs.
    pub fn control(&self) -> Control {
        Control {
            queue: self.sender.clone(),
            pulse: Arc::clone(&self.pulse),
        }
    }

    /// Listens until told to stop. What was heard is committed.
    ///
    /// # Errors
    /// The last batch could not be committed.
    pub fn run(
        mut self,
        receivers: Vec<(config::Receiver, Box<dyn Receiver>)>,
    ) -> Result<BTreeMap<&'static str, u64>, Unstored> {
        let Some(queue) = self.queue.take() else {
            return Ok(self.gathering.outcomes().clone());
        };
        let names: Vec<&str> = receivers.iter().map(|(config, _)| config.name.as_str()).collect();
        if let Err(error) = self.store.begin_listening(&names, Timestamp::now()) {
            warn!(event = "outage.unnoted", %error, "the time in which nobody listened could not be noted");
        }
        for (config, receiver) in receivers {
            self.begin(config, receiver);
        }
        self.work(&queue);
        self.tune();
        for source in &self.sources {
            source.stop.store(true, Ordering::Relaxed);
        }
        // What is still in the queue was heard, and so is what receivers say while they end, how they are included.
        while let Some(source) = self.sources.pop() {
            self.end(source, &queue);
        }
        while let Ok(item) = queue.try_recv() {
            self.item(item, &queue);
        }
        let outcome = self.commit();
        if let Err(error) = self.store.settle() {
            warn!(event = "inbox.left", %error, "what was heard last is safe, and takes its place at the next start");
        }
        match outcome {
            Ok(()) => Ok(self.gathering.outcomes().clone()),
            Err(error) => Err(Unstored {
                error,
                telegrams: self.gathering.telegrams(),
            }),
        }
    }

    fn begin(&mut self, config: config::Receiver, receiver: Box<dyn Receiver>) {
        let stop = Arc::new(AtomicBool::new(false));
        let silence = receiver.silence().map(|silence| {
            let saved = self.store.rhythm(&config.name).unwrap_or_else(|error| {
                warn!(event = "rhythm.unread", %error, "the rhythm of a receiver could not be read");
                None
            });
            (silence, Rhythm::load(&saved.unwrap_or_default()))
        });
        let thread = listen(
            receiver,
            self.sender.clone(),
            Arc::clone(&stop),
            Arc::clone(&self.keeping),
        );
        let source = Source {
            config,
            stop,
            thread,
            silence,
            helped: 0,
        };
        source.set_silence(Timestamp::now());
        self.sources.push(source);
    }

    /// Ends a receiver; what it has heard until then is taken, so that it need not wait for us.
    fn end(&mut self, source: Source, queue: &Queue<Item>) {
        source.stop.store(true, Ordering::Relaxed);
        while !source.thread.is_finished() {
            if let Ok(item) = queue.recv_timeout(Duration::from_millis(20)) {
                self.item(item, queue);
            }
        }
        if source.thread.join().is_err() {
            error!(event = "bug", "a receiver ended in an error of the program");
        }
    }

    /// Works in another way from now on. A receiver whose description has not changed goes on undisturbed.
    fn change(&mut self, setup: Setup, queue: &Queue<Item>) -> Changed {
        let mut changed = Changed::default();
        self.options = setup.options;
        self.gathering.teach(setup.families, self.options.accept);
        match self.gathering.register() {
            Ok(meters) => changed.meters = meters,
            Err(error) => warn!(event = "registry.unread", %error, "the registry could not be read again"),
        }
        // What was learnt of receivers that go is there when they come back.
        self.tune();
        let (stay, go): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sources)
            .into_iter()
            .partition(|source| setup.receivers.contains(&source.config) && !source.thread.is_finished());
        self.sources = stay;
        for source in go {
            changed.ended.push(source.config.name.clone());
            self.end(source, queue);
        }
        for config in setup.receivers {
            if self.sources.iter().any(|source| source.config == config) {
                continue;
            }
            match open(&config) {
                Ok(receiver) => {
                    changed.begun.push(config.name.clone());
                    self.begin(config, receiver);
                }
                Err(error) => changed.refused.push(error.to_string()),
            }
        }
        changed
    }

    fn work(&mut self, queue: &Queue<Item>) {
        let mut commit_at = Instant::now() + self.options.commit_every;
        let mut retain_at = Instant::now() + Duration::from_secs(30);
        let mut unfinished = false;
        let mut tune_at = Instant::now() + TUNE_EVERY;
        let mut refused = false;
        while !self.stop.load(Ordering::Relaxed) {
            self.pulse.fetch_add(1, Ordering::Relaxed);
            let wait = commit_at.saturating_duration_since(Instant::now()).min(PATIENCE);
            if refused && self.gathering.batch().len() >= HELD {
                // Memory is bounded: from here on receivers wait, and those that can't drop and count.
                std::thread::sleep(wait);
            } else {
                match queue.recv_timeout(wait) {
                    Ok(item) => self.item(item, queue),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            // A store that refuses is not asked again at each telegram.
            let full = !refused && self.gathering.batch().len() >= self.options.commit_telegrams;
            if full || Instant::now() >= commit_at {
                let pause = self.commit_or_wait();
                refused = pause.is_none();
                commit_at = Instant::now() + pause.unwrap_or(RETRY);
            }
            if Instant::now() >= tune_at {
                tune_at = Instant::now() + TUNE_EVERY;
                self.tune();
            }
            if Instant::now() >= retain_at {
                unfinished = self.retain(unfinished);
                retain_at = Instant::now() + if unfinished { RETAIN_AGAIN } else { RETAIN_EVERY };
            }
        }
    }

    fn item(&mut self, item: Item, queue: &Queue<Item>) {
        match item {
            Item::Setup(setup, answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.change(*setup, queue));
            }
            Item::Telegram(telegram) => {
                if let Some((_, rhythm)) = self
                    .source(&telegram.radio)
                    .and_then(|source| source.silence.as_mut())
                {
                    rhythm.heard(telegram.received_at.unwrap_or_else(Timestamp::now));
                }
                self.take(&telegram);
            }
            Item::Missed(radio) => {
                // It was not silent; there was no room.
                if let Some((_, rhythm)) = self.source(&radio).and_then(|source| source.silence.as_mut()) {
                    rhythm.interrupted();
                }
            }
            Item::Health(radio, health) => {
                if let Some(source) = self.source(&radio) {
                    source.follow(&health);
                }
                self.health.insert(radio, health);
            }
        }
    }

    fn source(&mut self, radio: &str) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.config.name == radio)
    }

    fn take(&mut self, telegram: &Telegram) {
        let Look { now, is_sane, .. } = self.look_at_clock();
        let timeless;
        let telegram = if is_sane || !is_live(telegram) {
            telegram
        } else {
            // Dated by its meter's own clock, or filed in the order in which it came.
            timeless = Telegram {
                received_at: None,
                ..telegram.clone()
            };
            &timeless
        };
        self.gathering.take(telegram, now);
    }

    /// Commits what there is: how long until the next time; `None` when the store refuses, and the batch waits.
    fn commit_or_wait(&mut self) -> Option<Duration> {
        let begun = Instant::now();
        self.keeping.heard(self.gathering.outcomes());
        self.keeping.storing(Timestamp::now());
        match self.commit() {
            Ok(()) => {
                let seconds = begun.elapsed().as_secs();
                if seconds >= SLOW.as_secs() {
                    warn!(
                        event = "store.slow",
                        seconds, "the disk was slow to take what was heard"
                    );
                }
                if let Some(since) = self.keeping.stored(Timestamp::now()) {
                    self.told_refusal = None;
                    info!(event = "store.recovered", %since, "the store takes telegrams again, all that waited are stored");
                }
                self.gathering.follow_registry();
                Some(self.options.commit_every)
            }
            Err(error) => {
                let now = Timestamp::now();
                self.keeping.refused(&error, self.gathering.batch().len(), now);
                // The first, the tenth, the hundredth …: a disk that is full for a week must not fill a log.
                let refusals = self.keeping.now().refusals;
                if refusals == 10_u64.pow(refusals.ilog10()) || self.told_refusal != Some(error.code()) {
                    self.told_refusal = Some(error.code());
                    error!(
                        event = "store.refused", %error, telegrams = self.gathering.batch().len(), refusals,
                        "nothing was stored, trying again"
                    );
                }
                None
            }
        }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.gathering.commit()?;
        if !self.health.is_empty() {
            let states: Vec<_> = self
                .health
                .iter()
                .map(|(name, health)| state(name, health))
                .collect();
            self.store.note_receivers(&states, Timestamp::now())?;
            self.health.clear();
        }
        Ok(())
    }

    /// Tells receivers what is usual at this hour, and keeps what was learnt of it.
    fn tune(&mut self) {
        let Look { now, is_sane, .. } = self.look_at_clock();
        if !is_sane {
            return;
        }
        for source in &mut self.sources {
            source.set_silence(now);
            let saved = source.silence.as_mut().and_then(|(_, rhythm)| rhythm.save());
            if let Some(saved) = saved
                && let Err(error) = self.store.note_rhythm(&source.config.name, &saved)
            {
                warn!(event = "rhythm.unkept", %error, "the rhythm of a receiver could not be kept");
            }
        }
    }

    /// Lets go of a bounded piece of what is old; whether there is more. What was heard just now is given its place before
    /// the first piece.
    fn retain(&mut self, continued: bool) -> bool {
        // A clock in the far future would let go of everything.
        if !self.look_at_clock().is_sane {
            return false;
        }
        let retained = if continued {
            Ok(())
        } else {
            self.store.settle().map(drop)
        };
        match retained.and_then(|()| self.store.retain(Timestamp::now(), &self.options.retention)) {
            Ok(report) => report.more,
            Err(error) => {
                if let Some(times) = self.unretained.again() {
                    warn!(event = "retention.failed", %error, times, "old data could not be let go of");
                }
                false
            }
        }
    }
}

/// Whether a telegram was dated by this machine's clock just now, and not by what it was recorded with.
fn is_live(telegram: &Telegram) -> bool {
    telegram
        .received_at
        .is_some_and(|at| Timestamp::now().duration_since(at).abs() < jiff::SignedDuration::from_secs(60))
}

/// How a receiver is, as the store keeps it.
fn state(name: &str, health: &Health) -> ReceiverState {
    ReceiverState {
        name: name.to_owned(),
        condition: health.condition.name().to_owned(),
        since: health.since,
        seen: Timestamp::now(),
        identity: health.identity.clone(),
        reason: health.reason.clone(),
        opened: health.opened,
        losses: health.losses,
        asked: health.asked,
        resets: health.resets,
        reopened: health.reopened,
        telegrams: health.telegrams,
        noise: health.noise,
    }
}
