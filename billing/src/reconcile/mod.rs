//! Usage held against charging, in bounded memory and any order.
//!
//! ```text
//! usage.csv    ──► 512 parts by subscriber ──┐
//!                                            ├──► sort ──► sessions ──► matched ──► judged ──► account, differences
//! charging.csv ──► 512 parts by subscriber ──┘       each part by itself, two at a time
//! ```
//!
//! Parts wait in memory while the ledgers are small, and in a file without a name when they are not. All records of a
//! subscriber are in one part, so nothing has to be looked up outside of it. Neither the order of the lines, nor how usage was
//! cut by agents, nor the number of threads changes the result.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

mod checks;
mod compact;
mod damage;
mod difference;
mod judge;
mod loss;
mod losses;
mod names;
mod pricing;
mod run;
mod scope;
mod sessions;
mod store;
mod tally;
mod totals;
mod unread;
mod unreconciled;

pub use damage::Damage;
pub use difference::{Cause, Difference, Side};
pub use loss::{Carried, Traffic};
pub use losses::{Losses, LostUsage};
pub use scope::RunWindow;
pub(crate) use unread::UnreadLine;
pub use unreconciled::UnreconciledWriter;

use self::compact::Compact;
use self::damage::{Figures, Places, Repair, SAMPLE};
use self::judge::Judge;
use self::names::{FinalNames, LocalNames, Names};
use self::run::Run;
use self::store::{PARTS, Store};
use self::tally::Tally;
use self::unread::{Found, Unread, UnreadLines};
use crate::csv::{Column, CsvError, FieldError, Ledger, Mappings, Record, Row, Rows};
use crate::{Account, ChargingRecord, Money, Rules, Tariff, UsageRecord};

/// Why a reconciliation cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A ledger cannot be read, or a file not written.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// The records do not fit into the folder for temporary files.
    #[error("cannot keep records in a temporary file: {0}")]
    Spill(#[source] io::Error),
    /// Whoever takes the differences failed.
    #[error("cannot write the differences: {0}")]
    Sink(#[source] io::Error),
    /// A ledger has lines, and none of them can be read: nothing is known then.
    #[error("no line of the {ledger} ledger could be read, of {lines}: nothing can be reconciled; {first}")]
    NothingRead {
        /// Which.
        ledger: Ledger,
        /// How many it has.
        lines: u64,
        /// What is wrong with the first, as `file:line: reason`.
        first: String,
    },
    /// Amounts add up to more than any account holds: nothing is said of the money then.
    #[error(
        "the amounts {what} add up to more than {}, the largest that is counted: are they in another unit?",
        Money::LARGEST
    )]
    TooMuch {
        /// Which.
        what: &'static str,
    },
    /// A record that no ledger could hold.
    #[error("a record cannot be taken: {}", .0.message)]
    Record(FieldError),
}

/// How to reconcile.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// Recomputes the amounts; without one they are not judged.
    pub tariff: Option<&'a Tariff>,
    /// What is tolerated.
    pub rules: &'a Rules,
    /// Usage that was lost with its agents.
    pub losses: Losses<'a>,
    /// When the run was whose usage it is: what was charged before and after it is left out. `None` where nobody knows.
    pub window: Option<RunWindow>,
    /// The charging ledger has every session that there was, also those that were open at the end of the run. Where that is
    /// not known, such a session without a charge is `still-open`, and not missing.
    pub complete: bool,
    /// Records that take more octets than this together wait in a file.
    pub memory: usize,
    /// Where that file is made; the system's folder for temporary files where it is `None`.
    pub folder: Option<PathBuf>,
}

impl<'a> Settings<'a> {
    /// With 256 MiB of memory for records.
    pub fn new(tariff: Option<&'a Tariff>, rules: &'a Rules) -> Self {
        Self {
            tariff,
            rules,
            losses: Losses::default(),
            window: None,
            complete: false,
            memory: 256 << 20,
            folder: None,
        }
    }
}

/// Takes the records of both ledgers one by one, then judges them.
pub struct Reconciler<'a> {
    settings: Settings<'a>,
    names: Names,
    usage: Intake,
    charging: Intake,
}

/// The records of one ledger.
struct Intake {
    ledger: Ledger,
    store: Store,
    names: LocalNames,
    records: u64,
    rejected: u64,
    problems: Vec<String>,
    unread: Vec<UnreadLine>,
    /// Of the lines that could not be read, those that are of no session: a header again.
    of_no_session: u64,
    /// Amounts that the ledger has no column for are not judged.
    lacks_amounts: bool,
    /// Of them, those whose subscriber is a floating-point number, and one of these.
    floating: u64,
    floating_example: Option<String>,
}

impl<'a> Reconciler<'a> {
    /// Without any records.
    pub fn new(settings: Settings<'a>) -> Self {
        let intake = |ledger| Intake {
            ledger,
            store: Store::new(settings.memory / 2, settings.folder.clone()),
            names: LocalNames::default(),
            records: 0,
            rejected: 0,
            problems: Vec::new(),
            unread: Vec::new(),
            of_no_session: 0,
            lacks_amounts: false,
            floating: 0,
            floating_example: None,
        };
        let (usage, charging) = (intake(Ledger::Usage), intake(Ledger::Charging));
        Self { settings, names: Names::default(), usage, charging }
    }

    /// Takes a record of usage.
    pub fn used(&mut self, record: &UsageRecord) -> Result<(), ReconcileError> {
        record.with_row(|row| self.usage.take(row.0, &self.names))
    }

    /// Takes a charging record.
    pub fn charged(&mut self, record: &ChargingRecord) -> Result<(), ReconcileError> {
        record.with_row(|row| self.charging.take(row.0, &self.names))
    }

    /// Takes both ledgers from files, each in a thread. `mappings` is for foreign ones; bad lines go aside into `rejects`,
    /// a folder, as `usage.rejected.csv` and `charging.rejected.csv`.
    pub fn read(
        &mut self,
        usage: &Path,
        charging: &Path,
        mappings: &Mappings,
        rejects: Option<&Path>,
    ) -> Result<(), ReconcileError> {
        let names = &self.names;
        let (used, charged) = (&mut self.usage, &mut self.charging);
        std::thread::scope(|scope| {
            let other = scope.spawn(move || used.read(usage, mappings, rejects, names));
            let charging = charged.read(charging, mappings, rejects, names);
            let usage = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            usage.and(charging)
        })?;
        [&self.usage, &self.charging].into_iter().try_for_each(Intake::is_readable)
    }

    /// Judges every session. The differences go to `sink` by subscriber and time.
    pub fn finish(
        mut self,
        sink: &mut dyn FnMut(&Difference) -> io::Result<()>,
    ) -> Result<Account, ReconcileError> {
        if self.charging.lacks_amounts {
            self.settings.tariff = None;
        }
        let names = std::mem::take(&mut self.names).finish();
        let unread = Unread { usage: self.usage.unread_lines(), charging: self.charging.unread_lines() };
        let (repair, mut damaged) = self.look_for_damage(&names, &unread).map_err(ReconcileError::Spill)?;
        damaged.extend([&self.usage, &self.charging].into_iter().filter_map(Intake::floating_subscribers));
        let stores = (&self.usage.store, &self.charging.store);
        let judged = Judged::new(&self.settings, &names, &unread, &repair, stores);
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| judged.work())).collect();
            let mine = judged.work();
            let all = others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            all.fold(mine, Result::and)
        })
        .map_err(ReconcileError::Spill)?;
        let Results { mut tally, runs, found } =
            judged.results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut hidden =
            [Ledger::Usage, Ledger::Charging].map(|ledger| (ledger, unread.hidden(ledger, &found)));
        run::merge(runs, &mut |difference| match hide(difference, &mut hidden) {
            None => sink(difference),
            Some(turned) => {
                tally.turned(difference.cause, turned.cause, difference.at_stake);
                sink(&turned)
            }
        })
        .map_err(ReconcileError::Sink)?;
        let mut problems = self.usage.problems;
        problems.extend(self.charging.problems);
        let account = tally.account().map_err(|what| ReconcileError::TooMuch { what })?;
        Ok(Account {
            currency: self.settings.tariff.map(|tariff| tariff.currency),
            usage_records: self.usage.records,
            charging_records: self.charging.records,
            rejected_usage: self.usage.rejected,
            rejected_charging: self.charging.rejected,
            problems,
            damaged,
            ..account
        })
    }
}

impl Reconciler<'_> {
    /// Looks at some thousand sessions for what they have in common, before any is judged.
    fn look_for_damage(&self, names: &FinalNames, unread: &Unread) -> io::Result<(Repair, Vec<Damage>)> {
        let (mut repair, mut found) = (Repair::default(), Vec::new());
        let skew_us = crate::rules::micros(self.settings.rules.clock_skew);
        let window = self.settings.window;
        let within = |us: u64| window.is_none_or(|window| (window.from_us..=window.to_us).contains(&us));
        let (mut octets, mut usage, mut charging) = (Vec::new(), Vec::new(), Vec::new());
        let (mut places, mut looked_at) = (Places::default(), 0);
        while looked_at < PARTS && places.sessions() < SAMPLE {
            self.usage.store.read(looked_at, names, &mut octets, &mut usage)?;
            self.charging.store.read(looked_at, names, &mut octets, &mut charging)?;
            places.look(&usage, &charging, skew_us, within);
            looked_at += 1;
        }
        places.conclude(skew_us, window.is_some(), &mut repair, &mut found);
        let mut figures = Figures::default();
        let mut judge = Judge::new(&self.settings, names, unread, &repair);
        for n in 0..looked_at {
            self.usage.store.read(n, names, &mut octets, &mut usage)?;
            self.charging.store.read(n, names, &mut octets, &mut charging)?;
            judge.look(&mut usage, &mut charging, &mut figures);
        }
        drop(judge);
        figures.conclude(&mut repair, &mut found);
        Ok((repair, found))
    }
}

impl Intake {
    fn take(&mut self, row: &Row<'_>, names: &Names) -> Result<(), ReconcileError> {
        let record = Compact::from_row(row, names, &mut self.names).map_err(ReconcileError::Record)?;
        self.records += 1;
        self.store.push(&record).map_err(ReconcileError::Spill)
    }

    fn read(
        &mut self,
        path: &Path,
        mappings: &Mappings,
        rejects: Option<&Path>,
        names: &Names,
    ) -> Result<(), ReconcileError> {
        let mut rows = Rows::open(self.ledger, path, mappings.of(self.ledger))?;
        if let Some(folder) = rejects {
            rows.rejects_to(&folder.join(format!("{}.rejected.csv", self.ledger)));
        }
        self.lacks_amounts |= self.ledger == Ledger::Charging && !rows.has(Column::Amount);
        let mut spilled = Ok(());
        while spilled.is_ok()
            && rows.next(|row| {
                let record = Compact::from_row(&row, names, &mut self.names)?;
                self.records += 1;
                spilled = self.store.push(&record);
                Ok(())
            })?
        {}
        self.rejected += rows.rejected;
        self.of_no_session += rows.headers_again;
        self.floating += rows.floating;
        self.floating_example = self.floating_example.take().or_else(|| rows.floating_example.take());
        self.unread.append(&mut rows.unread);
        self.problems.append(&mut rows.problems);
        spilled.map_err(ReconcileError::Spill)
    }
}

impl Intake {
    fn unread_lines(&mut self) -> UnreadLines {
        UnreadLines::new(std::mem::take(&mut self.unread), self.rejected.saturating_sub(self.of_no_session))
    }

    /// Subscribers that a spreadsheet has made floating-point numbers of.
    fn floating_subscribers(&self) -> Option<Damage> {
        let example = self.floating_example.as_deref()?;
        let (shown_by, of) = (self.floating, self.records + self.rejected);
        let finding = format!(
            "{shown_by} of {of} lines have a floating-point number such as {example:?} for a subscriber, whose digits are lost: a \
             spreadsheet has taken it for a number; export the column as text"
        );
        Some(Damage { ledger: self.ledger, column: "supi".to_owned(), shown_by, of, finding })
    }

    /// A ledger of which nothing can be read accuses nobody.
    fn is_readable(&self) -> Result<(), ReconcileError> {
        if self.records > 0 || self.rejected == self.of_no_session {
            return Ok(());
        }
        let first = self.problems.first().cloned().unwrap_or_default();
        Err(ReconcileError::NothingRead { ledger: self.ledger, lines: self.rejected, first })
    }
}

/// A session that lacks a record may be hidden in a line of which nobody knows whose it is; each line hides one.
fn hide(difference: &Difference, hidden: &mut [(Ledger, u64)]) -> Option<Difference> {
    let ledger = difference.lacks.filter(|_| !difference.cause.is_explained())?;
    let (_, left) = hidden.iter_mut().find(|(one, left)| *one == ledger && *left > 0)?;
    *left -= 1;
    let explanation = format!(
        "{}; a line of the {ledger} ledger that could not be read at all may be this session's",
        difference.explanation
    );
    Some(Difference { cause: Cause::NotRead, explanation, ..difference.clone() })
}

/// The parts, and what came of those that are judged.
struct Judged<'a> {
    settings: &'a Settings<'a>,
    names: &'a FinalNames,
    unread: &'a Unread,
    repair: &'a Repair,
    usage: &'a Store,
    charging: &'a Store,
    next: AtomicUsize,
    results: Mutex<Results>,
}

#[derive(Default)]
struct Results {
    tally: Tally,
    runs: Vec<Run>,
    found: Found,
}

impl<'a> Judged<'a> {
    fn new(
        settings: &'a Settings<'a>,
        names: &'a FinalNames,
        unread: &'a Unread,
        repair: &'a Repair,
        (usage, charging): (&'a Store, &'a Store),
    ) -> Self {
        let (next, results) = (AtomicUsize::new(0), Mutex::default());
        Self { settings, names, unread, repair, usage, charging, next, results }
    }

    /// Judges part after part until none is left.
    fn work(&self) -> io::Result<()> {
        let mut judge = Judge::new(self.settings, self.names, self.unread, self.repair);
        let (mut octets, mut usage, mut charging) = (Vec::new(), Vec::new(), Vec::new());
        let mut runs = Vec::new();
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if n >= PARTS {
                break;
            }
            self.usage.read(n, self.names, &mut octets, &mut usage)?;
            self.charging.read(n, self.names, &mut octets, &mut charging)?;
            judge.judge(&mut usage, &mut charging);
            if !judge.differences.is_empty() {
                let differences = std::mem::take(&mut judge.differences);
                runs.push(Run::new(differences, self.settings.folder.as_deref())?);
            }
        }
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.tally.add(&judge.tally);
        results.runs.append(&mut runs);
        results.found.add(&judge.found);
        Ok(())
    }
}

/// Reconciles two ledgers of our own form. The differences go into `unreconciled.csv` in the folder `out`, bad lines into
/// `usage.rejected.csv` and `charging.rejected.csv` beside it.
pub fn reconcile_files(
    usage: &Path,
    charging: &Path,
    tariff: Option<&Tariff>,
    rules: &Rules,
    out: &Path,
) -> Result<Account, ReconcileError> {
    reconcile_files_to(usage, charging, &Mappings::default(), Settings::new(tariff, rules), out, &mut |_| {})
}

/// The same for foreign ledgers, with settings, and showing each difference.
pub fn reconcile_files_to(
    usage: &Path,
    charging: &Path,
    mappings: &Mappings,
    settings: Settings<'_>,
    out: &Path,
    show: &mut dyn FnMut(&Difference),
) -> Result<Account, ReconcileError> {
    let mut reconciler = Reconciler::new(settings);
    reconciler.read(usage, charging, mappings, Some(out))?;
    let mut writer = UnreconciledWriter::create(&out.join("unreconciled.csv"))?;
    let account = reconciler.finish(&mut |difference| {
        show(difference);
        writer.write(difference)
    })?;
    writer.flush()?;
    Ok(account)
}

/// More threads than this wait for memory.
const MOST_THREADS: usize = 8;
