//! Reports that memory does not hold wait in a file, written and read by a thread of its own: a slow disk stops nobody.
//!
//! The file has no name, so it is gone with the process, however that ends. Reports are appended; when none of them is
//! needed any more the file is emptied. How many octets it may take is the holder's to decide.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::mpsc::UnboundedSender;
use wire::to_coordinator::IntervalReport;

use super::holder::{Input, ReportId};

/// The handle of the thread. It ends with it, when it has done what it was asked.
pub(crate) struct Spool {
    requests: Sender<Request>,
}

enum Request {
    Write(ReportId, Box<IntervalReport>),
    Read(ReportId),
    Forget(ReportId),
}

impl Spool {
    /// Makes the file in this folder and starts the thread. What it has to say are inputs of a holder.
    ///
    /// # Errors
    /// The file or the thread cannot be made.
    pub(crate) fn open(folder: &Path, answers: UnboundedSender<Input>) -> io::Result<Self> {
        let shelf = Shelf::new(tempfile::tempfile_in(folder)?);
        let (requests, receiver) = channel();
        std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || serve(shelf, &receiver, &answers))?;
        Ok(Self { requests })
    }

    pub(crate) fn write(&self, id: ReportId, report: Box<IntervalReport>) {
        self.ask(Request::Write(id, report));
    }

    pub(crate) fn read(&self, id: ReportId) {
        self.ask(Request::Read(id));
    }

    pub(crate) fn forget(&self, id: ReportId) {
        self.ask(Request::Forget(id));
    }

    fn ask(&self, request: Request) {
        // The thread lives as long as this.
        let _ = self.requests.send(request);
    }
}

fn serve(mut shelf: Shelf, requests: &Receiver<Request>, answers: &UnboundedSender<Input>) {
    while let Ok(request) = requests.recv() {
        let answer = match request {
            Request::Write(id, report) => {
                let failed = shelf.write(id, &report).err();
                if let Some(error) = &failed {
                    tracing::warn!(%error, "a report could not be written to disk: it stays in memory");
                }
                Input::Spooled { id, returned: failed.map(|_| report) }
            }
            Request::Read(id) => {
                let report = shelf.read(id).inspect_err(|error| {
                    tracing::warn!(%error, "a report could not be read from disk: it is lost");
                });
                Input::Fetched { id, report: report.ok() }
            }
            Request::Forget(id) => {
                shelf.forget(id);
                continue;
            }
        };
        if answers.send(answer).is_err() {
            return;
        }
    }
}

/// The file, and what is where.
struct Shelf {
    file: File,
    end: u64,
    places: HashMap<ReportId, (u64, usize)>,
}

impl Shelf {
    fn new(file: File) -> Self {
        Self { file, end: 0, places: HashMap::new() }
    }

    fn write(&mut self, id: ReportId, report: &IntervalReport) -> io::Result<()> {
        let octets = postcard::to_stdvec(report).map_err(io::Error::other)?;
        self.file.write_all_at(&octets, self.end)?;
        self.places.insert(id, (self.end, octets.len()));
        self.end += octets.len() as u64;
        Ok(())
    }

    fn read(&self, id: ReportId) -> io::Result<Box<IntervalReport>> {
        let &(at, length) = self.places.get(&id).ok_or(io::ErrorKind::NotFound)?;
        let mut octets = vec![0; length];
        self.file.read_exact_at(&mut octets, at)?;
        postcard::from_bytes(&octets).map(Box::new).map_err(io::Error::other)
    }

    fn forget(&mut self, id: ReportId) {
        self.places.remove(&id);
        if self.places.is_empty() {
            self.end = 0;
            // The file would be written over anyway.
            let _ = self.file.set_len(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sequence: u64) -> (ReportId, IntervalReport) {
        let report = IntervalReport { shard: 1, epoch: 2, sequence, ..IntervalReport::default() };
        (ReportId { shard: 1, epoch: 2, sequence }, report)
    }

    #[test]
    fn reports_come_back_as_they_went_and_leave_an_empty_file() {
        let mut shelf = Shelf::new(tempfile::tempfile().unwrap());
        for sequence in 0..3 {
            let (id, report) = report(sequence);
            shelf.write(id, &report).unwrap();
        }
        for sequence in [2, 0, 1] {
            let (id, report) = report(sequence);
            assert_eq!(*shelf.read(id).unwrap(), report);
            shelf.forget(id);
            assert!(shelf.read(id).is_err());
        }
        assert_eq!((shelf.end, shelf.file.metadata().unwrap().len()), (0, 0));
    }

    #[test]
    fn a_disk_that_takes_nothing_gives_the_report_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("read-only");
        std::fs::write(&path, "").unwrap();
        let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
        let (requests, receiver) = channel();
        let (id, report) = report(0);
        requests.send(Request::Write(id, Box::new(report.clone()))).unwrap();
        requests.send(Request::Read(id)).unwrap();
        drop(requests);
        serve(Shelf::new(File::open(path).unwrap()), &receiver, &answers);
        let Some(Input::Spooled { returned: Some(returned), .. }) = answered.blocking_recv() else {
            panic!()
        };
        assert_eq!(*returned, report);
        assert!(matches!(answered.blocking_recv(), Some(Input::Fetched { report: None, .. })));
    }
}
