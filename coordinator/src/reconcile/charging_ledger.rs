//! The ledger of a charging function elsewhere: waited for until it is complete, or quiet, and brought into the run folder.
//!
//! A charging function writes a session's record when the session ends, some time after the agents have gone. Our simulator says
//! beside its ledger when every session is in it; of another one it is only known that it writes no more for a while.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use billing::csv::Completeness;

use super::network::Ledger;

/// How a ledger was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its charging function says that every session is in it.
    Complete,
    /// Its charging function says that sessions are open still.
    Incomplete,
    /// Nobody says anything: it has not grown for a while, or it was not waited for any longer.
    Unknown,
}

/// Waits for the ledger of a run that began then, UNIX time in µs, within bounds. Also how long the ledger was when this run was
/// complete in it, where that is known: others may be writing on.
pub(crate) async fn waited_for(ledger: &Path, run: &str, start_us: u64) -> (Found, Option<u64>) {
    // What was said before is not about this run.
    let since_us = start_us.saturating_sub(CLOCKS_US);
    let size = || std::fs::metadata(ledger).map_or(0, |data| data.len());
    let mut watched = Watched::new(Instant::now(), size());
    loop {
        let said = Completeness::read_beside(ledger).map(|said| said.of_run(run));
        match watched.look(Instant::now(), size(), said.as_ref(), since_us) {
            Some(found) => {
                let complete = said.filter(|_| found == Found::Complete);
                return (found, complete.map(|said| said.octets));
            }
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

/// A ledger that may still grow.
struct Watched {
    began: Instant,
    octets: u64,
    quiet_since: Instant,
}

impl Watched {
    fn new(now: Instant, octets: u64) -> Self {
        Self { began: now, octets, quiet_since: now }
    }

    /// What is known of it, once it need not be waited for any longer.
    fn look(
        &mut self,
        now: Instant,
        octets: u64,
        said: Option<&Completeness>,
        since_us: u64,
    ) -> Option<Found> {
        if octets != self.octets {
            (self.octets, self.quiet_since) = (octets, now);
        }
        match said {
            Some(said) if said.complete && said.octets <= octets && said.at_us >= since_us => {
                Some(Found::Complete)
            }
            Some(_) => (now >= self.began + LONGEST).then_some(Found::Incomplete),
            None => (now >= self.quiet_since + QUIET || now >= self.began + LONGEST_QUIET)
                .then_some(Found::Unknown),
        }
    }
}

/// A ledger that is here already is left where it is.
pub(crate) fn bring(source: &Path, here: &Path, complete: bool, octets: Option<u64>) -> Ledger {
    let brought = if source == here {
        std::fs::metadata(here).map(drop).map_err(|error| format!("{}: {error}", here.display()))
    } else {
        copy(source, here, octets).map_err(|error| format!("{}: {error}", source.display()))
    };
    match brought {
        Ok(()) => Ledger::Here { path: here.to_owned(), complete },
        Err(why) => Ledger::Unusable(why),
    }
}

fn copy(source: &Path, here: &Path, octets: Option<u64>) -> io::Result<()> {
    let mut source = File::open(source)?.take(octets.unwrap_or(u64::MAX));
    io::copy(&mut source, &mut edges::files::create(here)?).map(drop)
}

/// The clocks of the two sides may be so far apart.
const CLOCKS_US: u64 = 60_000_000;
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Our simulator closes what is open 5 s after its last gNB has gone, and notices within 10 s that a killed agent has.
const LONGEST: Duration = Duration::from_secs(30);
/// A ledger that has not grown for so long is taken as it is.
const QUIET: Duration = Duration::from_secs(1);
/// One that never comes to rest is taken then.
const LONGEST_QUIET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn said(complete: bool, octets: u64, at_us: u64) -> Completeness {
        Completeness { complete, records: 1, octets, at_us, ..Completeness::default() }
    }

    #[test]
    fn a_ledger_is_taken_when_its_writer_says_that_it_is_complete() {
        let start = Instant::now();
        let mut watched = Watched::new(start, 3);
        assert_eq!(watched.look(start, 3, Some(&said(true, 3, 10)), 10), Some(Found::Complete));
        // Of an earlier run, of more than is there yet, or not complete.
        for other in [said(true, 3, 9), said(true, 4, 10), said(false, 3, 10)] {
            assert_eq!(watched.look(start + LONGEST_QUIET, 3, Some(&other), 10), None, "{other:?}");
            assert_eq!(watched.look(start + LONGEST, 3, Some(&other), 10), Some(Found::Incomplete));
        }
    }

    #[test]
    fn a_ledger_of_which_nobody_says_anything_is_taken_when_it_is_quiet() {
        let start = Instant::now();
        let mut watched = Watched::new(start, 0);
        assert_eq!(watched.look(start + QUIET / 2, 0, None, 0), None);
        assert_eq!(watched.look(start + QUIET, 80, None, 0), None, "it has grown");
        assert_eq!(watched.look(start + QUIET + QUIET / 2, 80, None, 0), None);
        assert_eq!(watched.look(start + 2 * QUIET, 80, None, 0), Some(Found::Unknown));
        assert_eq!(watched.look(start + LONGEST_QUIET, 160, None, 0), Some(Found::Unknown));
    }
}
