//! Who has joined the endpoint, and which run each of them is of.
//!
//! ```text
//!            ┌─► comes back: the run that it names
//! joined ──► ├─► a run that lacks agents, the first one first; one that has the fleet to itself takes everybody
//!            └─► idle, until a run begins, or lacks agents
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use identity::Membership;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wire::to_coordinator::Part;
use wire::{AgentLink, CoordinatorEndpoint, Identity, Settings, WireError};

use crate::core::ProcessEnd;

/// What becomes of a join: the agent, or why there is none.
pub(crate) type Joined = Result<AgentLink, String>;

/// The endpoint where agents join, with all who did and are in no run. Lets agents in as long as it lives.
pub(crate) struct Roster {
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

struct Shared {
    endpoint: CoordinatorEndpoint,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    /// In the order in which they began.
    runs: Vec<Place>,
    /// Who joined, and is in no run yet.
    idle: VecDeque<AgentLink>,
    /// The number of the next run.
    next: u64,
}

/// A run, as the roster knows it.
struct Place {
    number: u64,
    run: String,
    wanted: usize,
    /// Where they belong.
    like: Membership,
    /// Agents that are in it, or on their way.
    taken: usize,
    /// Takes everybody, also beyond what it wants.
    alone: bool,
    joins: mpsc::Sender<Joined>,
    ends: mpsc::Sender<ProcessEnd>,
}

impl Roster {
    /// Opens the endpoint. Must be called in a runtime.
    pub(crate) fn open(address: SocketAddr, identity: &Identity, wire: Settings) -> Result<Self, WireError> {
        let endpoint = CoordinatorEndpoint::bind_with(address, identity, wire)?;
        let shared = Arc::new(Shared { endpoint, places: Mutex::default() });
        let acceptor = tokio::spawn(accept(Arc::clone(&shared)));
        Ok(Self { shared, acceptor })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.shared.endpoint.local_addr()
    }

    /// How many have joined and are in no run.
    pub(crate) fn idle(&self) -> usize {
        let mut places = self.shared.places();
        places.idle.retain(AgentLink::is_open);
        places.idle.len()
    }

    /// A place for a run of this name, which wants so many agents that belong there; `alone`: the fleet is this run's, and ends with it.
    pub(crate) fn claim(&self, run: &str, wanted: usize, like: Membership, alone: bool) -> Claim {
        let (joins, joined) = mpsc::channel(MOST_ON_THEIR_WAY);
        let (ends, ended) = mpsc::channel(MOST_ENDS);
        let mut places = self.shared.places();
        let number = places.next;
        places.next += 1;
        places.runs.push(Place { number, run: run.to_owned(), wanted, like, taken: 0, alone, joins, ends });
        places.seat_idle();
        drop(places);
        Claim { number, alone, joined, ended: Some(ended), shared: Arc::clone(&self.shared) }
    }

    /// Ends every connection, with a reason that the agents see, and lets nobody in any more.
    pub(crate) async fn close(&self, reason: &str) {
        self.acceptor.abort();
        self.shared.endpoint.close(reason).await;
    }
}

impl Drop for Roster {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Shared {
    fn places(&self) -> MutexGuard<'_, Places> {
        // Nothing of it is left half done by a panic.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// The run that this one is for, and whether it takes a seat there; nothing where it is for none.
    fn of(&self, link: &AgentLink) -> Option<(usize, bool)> {
        let lacks = |place: &Place| {
            link.hello.belongs.fits(&place.like) && (place.alone || place.taken < place.wanted)
        };
        match &link.hello.part {
            Part::Returning(back) => {
                let known = self.runs.iter().position(|place| place.run == back.run);
                known.or_else(|| self.runs.iter().position(lacks)).map(|place| (place, true))
            }
            Part::Agent => self.runs.iter().position(lacks).map(|place| (place, true)),
            Part::Supervisor => (!self.runs.is_empty()).then_some((0, false)),
        }
    }

    /// Why there will never be a run for an agent that asks to join: the fleet is one run's, which asks for others.
    fn refusal(&self, link: &AgentLink) -> Option<String> {
        let [Place { alone: true, like, .. }] = &self.runs[..] else { return None };
        let belongs = &link.hello.belongs;
        let is_asked_for = link.hello.part != Part::Agent || belongs.fits(like);
        let it = if belongs.is_empty() { "no pool and no labels".to_owned() } else { belongs.to_string() };
        (!is_asked_for).then(|| format!("this run takes agents with {like}, and this one has {it}"))
    }

    /// Gives it to a run that has room for it at once, or lets it wait.
    fn seat(&mut self, link: AgentLink) {
        let Some((place, sits)) = self.of(&link) else { return self.idle.push_back(link) };
        let place = &mut self.runs[place];
        match place.joins.try_send(Ok(link)) {
            Ok(()) => place.taken = place.taken.saturating_add(usize::from(sits)),
            Err(mpsc::error::TrySendError::Full(link) | mpsc::error::TrySendError::Closed(link)) => {
                self.idle.extend(link);
            }
        }
    }

    /// As [`Self::seat`]; back comes one for whom there is not even room to wait.
    fn seat_or_return(&mut self, link: AgentLink) -> Option<AgentLink> {
        if self.idle.len() >= MOST_IDLE {
            return Some(link);
        }
        self.seat(link);
        None
    }

    /// Somebody could not join, whichever run it was for.
    fn tell_all(&self, why: &str) {
        for place in &self.runs {
            // A run that is so far behind has heard of others.
            let _ = place.joins.try_send(Err(why.to_owned()));
        }
    }

    /// Gives those who wait to the runs that lack agents.
    fn seat_idle(&mut self) {
        for link in std::mem::take(&mut self.idle).into_iter().filter(AgentLink::is_open) {
            self.seat(link);
        }
    }
}

/// A run's place in a roster.
pub(crate) struct Claim {
    number: u64,
    alone: bool,
    joined: mpsc::Receiver<Joined>,
    ended: Option<mpsc::Receiver<ProcessEnd>>,
    shared: Arc<Shared>,
}

impl Claim {
    /// The next who joins this run.
    pub(crate) async fn next(&mut self) -> Option<Joined> {
        self.joined.recv().await
    }

    /// What supervisors of other runs tell of processes. To be asked for once.
    pub(crate) fn process_ends(&mut self) -> mpsc::Receiver<ProcessEnd> {
        self.ended.take().unwrap_or_else(|| mpsc::channel(1).1)
    }

    /// A supervisor that has joined this run tells of a process that is not of it.
    pub(crate) fn tell_others(&self, end: &ProcessEnd) {
        let places = self.shared.places();
        for place in places.runs.iter().filter(|place| place.number != self.number) {
            // A run that is so far behind finds out by the lease.
            let _ = place.ends.try_send(end.clone());
        }
    }

    /// So many agents are there; `open`: more may come. Who is idle comes where some are lacking.
    pub(crate) fn present(&self, agents: usize, open: bool) {
        let mut places = self.shared.places();
        let on_their_way = self.joined.len();
        let Some(place) = places.runs.iter_mut().find(|place| place.number == self.number) else { return };
        place.taken = if open { agents + on_their_way } else { usize::MAX };
        if !places.idle.is_empty() {
            places.seat_idle();
        }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.shared.endpoint.local_addr()
    }

    fn leave(&mut self) {
        let mut places = self.shared.places();
        places.runs.retain(|place| place.number != self.number);
        self.joined.close();
        while let Ok(joined) = self.joined.try_recv() {
            places.idle.extend(joined);
        }
        places.seat_idle();
    }

    /// The run takes nobody any more. Who was on the way to it waits for another.
    pub(crate) async fn give_up(&mut self) {
        self.leave();
        if self.alone {
            self.shared.endpoint.close("the run is over").await;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared.places().runs.retain(|place| place.number != self.number);
    }
}

async fn accept(shared: Arc<Shared>) {
    loop {
        match shared.endpoint.accept().await {
            Ok(link) => {
                let refusal = shared.places().refusal(&link);
                if let Some(why) = refusal {
                    shared.places().tell_all(&format!("{}: {why}", link.hello.name));
                    link.refuse(&why).await;
                    continue;
                }
                let surplus = shared.places().seat_or_return(link);
                if let Some(surplus) = surplus {
                    surplus.refuse("too many agents wait for a run").await;
                }
            }
            Err(WireError::EndpointClosed) => return,
            Err(error) => shared.places().tell_all(&error.to_string()),
        }
    }
}

/// Agents on their way to one run: a fleet that joins at once finds room.
const MOST_ON_THEIR_WAY: usize = 4096;
/// Ends of processes on their way to one run.
const MOST_ENDS: usize = 256;
/// Agents that wait for a run.
const MOST_IDLE: usize = 20_000;
