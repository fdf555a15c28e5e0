//! Data networks and rates as small numbers, shared by the threads that read the two ledgers.

use std::sync::{Mutex, PoisonError};

use identity::Dnn;
use rustc_hash::FxHashMap;

/// All names met so far, each with its number.
#[derive(Default)]
pub(super) struct Names {
    shared: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    dnns: Vec<Dnn>,
    rates: Vec<Box<str>>,
    numbers: FxHashMap<(Kind, Box<str>), u16>,
}

/// What a name names.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Dnn,
    Rate,
}

/// One thread's view, which asks the others only for what it has not met.
#[derive(Default)]
pub(super) struct LocalNames {
    dnns: Known,
    rates: Known,
}

#[derive(Default)]
struct Known {
    /// The name met last, which mostly comes again.
    last: Option<(Box<str>, u16)>,
    numbers: FxHashMap<Box<str>, u16>,
}

/// All names, once the ledgers are read. Numbers are now in the order of the names, so that nothing depends on which
/// thread met a name first.
pub(super) struct FinalNames {
    pub(super) dnns: Vec<Dnn>,
    pub(super) rates: Vec<Box<str>>,
    dnn_ranks: Vec<u16>,
    rate_ranks: Vec<u16>,
}

impl LocalNames {
    pub(super) fn dnn(&mut self, names: &Names, text: &str) -> Result<u16, String> {
        self.dnns.number(text, || names.add_dnn(text))
    }

    pub(super) fn rate(&mut self, names: &Names, text: &str) -> Result<u16, String> {
        self.rates.number(text, || names.add_rate(text))
    }
}

impl Known {
    fn number(&mut self, text: &str, add: impl FnOnce() -> Result<u16, String>) -> Result<u16, String> {
        if let Some((last, number)) = &self.last
            && **last == *text
        {
            return Ok(*number);
        }
        let number = match self.numbers.get(text) {
            Some(&number) => number,
            None => {
                let number = add()?;
                self.numbers.insert(text.into(), number);
                number
            }
        };
        self.last = Some((text.into(), number));
        Ok(number)
    }
}

impl Names {
    fn add_dnn(&self, text: &str) -> Result<u16, String> {
        let dnn: Dnn = text.parse().map_err(|error: identity::IdentityError| error.to_string())?;
        let mut table = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let table = &mut *table;
        number(&mut table.numbers, Kind::Dnn, dnn.as_str().into(), &mut table.dnns, || dnn.clone())
    }

    fn add_rate(&self, text: &str) -> Result<u16, String> {
        let mut table = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let table = &mut *table;
        number(&mut table.numbers, Kind::Rate, text.into(), &mut table.rates, || text.into())
    }

    pub(super) fn finish(self) -> FinalNames {
        let table = self.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (dnns, dnn_ranks) = sorted(table.dnns);
        let (rates, rate_ranks) = sorted(table.rates);
        FinalNames { dnns, rates, dnn_ranks, rate_ranks }
    }
}

impl FinalNames {
    /// The final number of a data network.
    pub(super) fn dnn_rank(&self, number: u16) -> u16 {
        self.dnn_ranks.get(usize::from(number)).copied().unwrap_or_default()
    }

    /// The final number of a rate.
    pub(super) fn rate_rank(&self, number: u16) -> u16 {
        self.rate_ranks.get(usize::from(number)).copied().unwrap_or_default()
    }

    pub(super) fn rate_named(&self, name: &str) -> Option<u16> {
        u16::try_from(self.rates.iter().position(|rate| **rate == *name)?).ok()
    }
}

fn number<T>(
    numbers: &mut FxHashMap<(Kind, Box<str>), u16>,
    kind: Kind,
    name: Box<str>,
    list: &mut Vec<T>,
    make: impl FnOnce() -> T,
) -> Result<u16, String> {
    if let Some(&number) = numbers.get(&(kind, name.clone())) {
        return Ok(number);
    }
    let number = u16::try_from(list.len()).map_err(|_| {
        format!("{name:?} is one name too many: at most 65536 different ones are accepted in the ledgers")
    })?;
    list.push(make());
    numbers.insert((kind, name), number);
    Ok(number)
}

/// The names in order, and for each number from before its place in it.
fn sorted<T: Ord>(names: Vec<T>) -> (Vec<T>, Vec<u16>) {
    let mut order: Vec<(T, usize)> = names.into_iter().enumerate().map(|(n, name)| (name, n)).collect();
    order.sort_unstable();
    let mut ranks = vec![0; order.len()];
    for (rank, (_, n)) in order.iter().enumerate() {
        ranks[*n] = u16::try_from(rank).unwrap_or_default();
    }
    (order.into_iter().map(|(name, _)| name).collect(), ranks)
}
