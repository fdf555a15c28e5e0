//! What the network side of signalling counted, for a run to be cross-checked from the other end.

mod names;

use std::collections::BTreeMap;
use std::fmt;

use identity::Imsi;

pub use names::{Event, Message, Refusal};

/// Something that an operator wants to hear of, with its time and its subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// UNIX time in µs.
    pub at_us: u64,
    /// What happened.
    pub event: Event,
    /// To whom.
    pub supi: Imsi,
}

/// A gNB or UE that was refused, as a line for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// UNIX time in µs.
    pub at_us: u64,
    /// Which gNB, or which subscriber.
    pub who: String,
    /// What it did, and why it was refused.
    pub why: String,
}

/// One slot for each name.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Counters {
    received: [u64; Message::ALL.len()],
    sent: [u64; Message::ALL.len()],
    refusals: [u64; Refusal::ALL.len()],
    events: [u64; Event::ALL.len()],
}

/// The counters of a core network since it started, and what it holds now.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    pub(crate) counters: Counters,
    /// The first of what an operator wants to hear of: [`MOST_NOTICED`] at most. All of it is counted.
    pub noticed: Vec<Noticed>,
    /// The first gNBs and UEs that were refused: [`MOST_TURNED_AWAY`] at most.
    pub turned_away: Vec<TurnedAway>,
    /// All of them.
    pub turned_away_total: u64,
    /// REGISTRATION REJECTs by their 5GMM cause.
    pub rejections: BTreeMap<u8, u64>,
    /// Registrations (of any type) whose REGISTRATION ACCEPT was sent, without its repetitions.
    pub registrations_accepted: u64,
    /// Of these, those that the UE completed, or that needed no REGISTRATION COMPLETE.
    pub registrations_completed: u64,
    /// Service requests accepted.
    pub services_accepted: u64,
    /// UEs that deregistered, or were deregistered, explicitly.
    pub deregistrations: u64,
    /// Authentications that passed.
    pub authentications: u64,
    /// Messages that were not sent because too many were waiting for the processing delay.
    pub sends_dropped: u64,
    /// Messages that the transport did not take: its buffer was full, or the association over.
    pub sends_refused: u64,
    /// Associations now.
    pub associations: usize,
    /// gNBs that have set up the NG interface, now.
    pub gnbs: usize,
    /// UE-associated logical NG-connections now.
    pub connections: usize,
    /// PDU sessions anchored in the UPF and charged, now.
    pub sessions: usize,
    /// UEs registered now.
    pub registered: usize,
    /// UE contexts now, registered or not.
    pub ues: usize,
    /// Timers running now.
    pub timers: usize,
    /// Messages that wait for the processing delay now.
    pub sends_waiting: usize,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            received: [0; Message::ALL.len()],
            sent: [0; Message::ALL.len()],
            refusals: [0; Refusal::ALL.len()],
            events: [0; Event::ALL.len()],
        }
    }
}

impl Counters {
    pub(crate) fn count_received(&mut self, message: Message) {
        count(&mut self.received, message as usize);
    }

    pub(crate) fn count_sent(&mut self, message: Message) {
        count(&mut self.sent, message as usize);
    }

    pub(crate) fn count_event(&mut self, event: Event) {
        count(&mut self.events, event as usize);
    }

    pub(crate) fn count_refusal(&mut self, reason: Refusal) {
        count(&mut self.refusals, reason as usize);
    }

    /// Adds what another part of the network counted.
    pub(crate) fn add(&mut self, other: &Self) {
        let add =
            |all: &mut [u64], more: &[u64]| all.iter_mut().zip(more).for_each(|(all, more)| *all += more);
        add(&mut self.received, &other.received);
        add(&mut self.sent, &other.sent);
        add(&mut self.refusals, &other.refusals);
        add(&mut self.events, &other.events);
    }
}

fn count(slots: &mut [u64], slot: usize) {
    if let Some(count) = slots.get_mut(slot) {
        *count += 1;
    }
}

impl Statistics {
    /// How many of `message` were received.
    pub fn received(&self, message: Message) -> u64 {
        self.counters.received.get(message as usize).copied().unwrap_or_default()
    }

    /// How many of `message` were sent, with repetitions.
    pub fn sent(&self, message: Message) -> u64 {
        self.counters.sent.get(message as usize).copied().unwrap_or_default()
    }

    /// How often something was refused for `reason`.
    pub fn refusals(&self, reason: Refusal) -> u64 {
        self.counters.refusals.get(reason as usize).copied().unwrap_or_default()
    }

    /// How often `event` happened.
    pub fn events(&self, event: Event) -> u64 {
        self.counters.events.get(event as usize).copied().unwrap_or_default()
    }

    /// Every event that happened, with its count.
    pub fn happened(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Event::ALL.iter().map(|event| (event.as_str(), self.events(*event))).filter(|(_, count)| *count > 0)
    }

    /// Every message that was received or sent: name, received, sent.
    pub fn messages(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        Message::ALL
            .iter()
            .map(|message| (message.as_str(), self.received(*message), self.sent(*message)))
            .filter(|(_, received, sent)| received + sent > 0)
    }

    /// Every reason for which something was refused, with its count.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL
            .iter()
            .map(|reason| (reason.as_str(), self.refusals(*reason)))
            .filter(|(_, count)| *count > 0)
    }

    /// Counts an event, and notes who it happened to.
    pub(crate) fn notice(&mut self, at_us: u64, event: Event, supi: Imsi) {
        self.counters.count_event(event);
        if self.noticed.len() < MOST_NOTICED {
            self.noticed.push(Noticed { at_us, event, supi });
        }
    }

    /// Counts a gNB or UE that is refused, and notes the first ones.
    pub(crate) fn turn_away(&mut self, at_us: u64, who: impl FnOnce() -> String, why: String) {
        self.turned_away_total += 1;
        if self.turned_away.len() < MOST_TURNED_AWAY {
            self.turned_away.push(TurnedAway { at_us, who: who(), why });
        }
    }

    pub(crate) fn count_rejection(&mut self, cause: u8) {
        *self.rejections.entry(cause).or_default() += 1;
    }
}

/// Every counter with its name; what is 0 is left out.
impl fmt::Debug for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Named<'a, K>(&'a [(K, u64)]);
        impl<K: AsRef<str>> fmt::Debug for Named<'_, K> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_map().entries(self.0.iter().map(|(name, count)| (name.as_ref(), count))).finish()
            }
        }
        let messages: Vec<_> = self.messages().collect();
        let count = |which: fn(&(&'static str, u64, u64)) -> u64| {
            messages.iter().map(move |row| (row.0, which(row))).filter(|(_, n)| *n > 0).collect::<Vec<_>>()
        };
        let (received, sent) = (count(|row| row.1), count(|row| row.2));
        let (refused, happened): (Vec<_>, Vec<_>) = (self.refused().collect(), self.happened().collect());
        let rejections = self.rejections.iter().map(|(cause, n)| (format!("#{cause}"), *n));
        let rejections: Vec<_> = rejections.collect();
        f.debug_struct("Statistics")
            .field("received", &Named(&received))
            .field("sent", &Named(&sent))
            .field("refused", &Named(&refused))
            .field("happened", &Named(&happened))
            .field("registrations_accepted", &self.registrations_accepted)
            .field("registrations_completed", &self.registrations_completed)
            .field("registrations_rejected", &Named(&rejections))
            .field("services_accepted", &self.services_accepted)
            .field("deregistrations", &self.deregistrations)
            .field("authentications", &self.authentications)
            .field("turned_away", &self.turned_away_total)
            .field("sends_dropped", &self.sends_dropped)
            .field("sends_refused", &self.sends_refused)
            .field("associations", &self.associations)
            .field("gnbs", &self.gnbs)
            .field("connections", &self.connections)
            .field("sessions", &self.sessions)
            .field("registered", &self.registered)
            .field("ues", &self.ues)
            .field("timers", &self.timers)
            .field("sends_waiting", &self.sends_waiting)
            .finish_non_exhaustive()
    }
}

/// So many are enough to find the pattern, and few enough to be copied with every look at the statistics.
pub const MOST_NOTICED: usize = 1_000;
/// More lines than anybody reads, and few enough to be copied alike.
pub const MOST_TURNED_AWAY: usize = 200;
