//! The reports of one lease, from their numbering to their acknowledgement; and the room that all of them share.
//!
//! ```text
//! worker ──► number ──┬── in memory ─────────────────────────┬──► sent ──► acknowledged: forgotten
//!                     ├── memory is full: on disk ──► fetched ┘      │
//!                     └── disk is full: a word of it                 └── connection lost: sent again, in order
//! ```
//! What had to be dropped is told in the place of it, by a report that counts nothing: whoever merges it knows that something
//! is missing, and those after it can still be merged.

use std::collections::BTreeMap;

use wire::to_coordinator::{IntervalReport, MOST_STANDSTILLS, ToCoordinator, UserPlaneInterval};

use super::messages::{Output, ReportId};

/// The reports of one lease.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// The number of the next one.
    next: u64,
    kept: BTreeMap<u64, Kept>,
    /// Those below are sent over the connection that there is.
    sent_to: u64,
    fetching: bool,
}

#[derive(Debug)]
struct Kept {
    octets: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Box<IntervalReport>),
    /// On its way to the disk.
    Writing,
    Disk,
}

impl Reports {
    /// Numbers a report and keeps it, or a word of it when there is no room for it.
    pub(super) fn take(&mut self, mut report: Box<IntervalReport>, room: &mut Room, out: &mut Vec<Output>) {
        report.sequence = self.next;
        if room.is_half_full() {
            // Rows are what can be done without: the room is for what the verdict rests on.
            leave_rows_out(&mut report);
        }
        let octets = octets(&report);
        let place = if room.take_memory(octets) {
            Place::Memory(report)
        } else if room.take_disk(octets) {
            out.push(Output::Spool { id: id(&report), report });
            Place::Writing
        } else {
            return self.leave_word(*report, room);
        };
        self.kept.insert(self.next, Kept { octets, place });
        self.next += 1;
    }

    /// Keeps of a report that it is dropped, and where the shard stood. Several in a row are one, so that it stays one
    /// small report of each lease that is over the limit of memory.
    fn leave_word(&mut self, mut report: IntervalReport, room: &mut Room) {
        room.dropped += 1;
        leave_rows_out(&mut report);
        let mut word = IntervalReport {
            dropped: report.dropped + 1,
            procedures: Vec::new(),
            unexpected: Vec::new(),
            usage: Vec::new(),
            handovers: Vec::new(),
            events: Vec::new(),
            amfs: Vec::new(),
            parts: Vec::new(),
            user_plane: UserPlaneInterval::default(),
            ..report
        };
        let last = self.next.checked_sub(1).filter(|last| *last >= self.sent_to);
        let is_word = |kept: &Kept| matches!(&kept.place, Place::Memory(earlier) if earlier.dropped > 0 && earlier.procedures.is_empty());
        if let Some(last) = last.filter(|last| self.kept.get(last).is_some_and(is_word))
            && let Some(Kept { octets, place: Place::Memory(earlier) }) = self.kept.remove(&last)
        {
            room.memory_used = room.memory_used.saturating_sub(octets);
            (word.sequence, word.from_us) = (last, earlier.from_us);
            word.dropped += earlier.dropped;
            word.rows_left_out.add(earlier.rows_left_out);
            word.standstills.splice(0..0, earlier.standstills);
            word.standstills.truncate(MOST_STANDSTILLS);
        }
        let (sequence, octets) = (word.sequence, octets(&word));
        room.memory_used += octets;
        self.kept.insert(sequence, Kept { octets, place: Place::Memory(Box::new(word)) });
        self.next = sequence + 1;
    }

    /// Sends what the window allows. True when everything is sent.
    pub(super) fn send(&mut self, shard: u32, epoch: u64, room: &mut Room, out: &mut Vec<Output>) -> bool {
        while let Some((&sequence, kept)) = self.kept.range(self.sent_to..).next() {
            if self.fetching || !room.fits_window(kept.octets) {
                return false;
            }
            match &kept.place {
                Place::Memory(report) => {
                    room.in_flight += kept.octets;
                    self.sent_to = sequence + 1;
                    out.push(Output::Send(ToCoordinator::Report(report.clone())));
                }
                Place::Writing => return false,
                Place::Disk => {
                    self.fetching = true;
                    out.push(Output::Fetch(ReportId { shard, epoch, sequence }));
                }
            }
        }
        true
    }

    /// A report has come back from the disk.
    pub(super) fn fetched(
        &mut self,
        id: ReportId,
        report: Option<Box<IntervalReport>>,
        room: &mut Room,
        out: &mut Vec<Output>,
    ) {
        self.fetching = false;
        let sequence = id.sequence;
        let Some(kept) = self.kept.get(&sequence) else { return };
        let octets = kept.octets;
        // Another connection may have begun meanwhile, over which those before it go first.
        let is_next = self.kept.range(self.sent_to..).next().is_some_and(|(next, _)| *next == sequence);
        match report {
            Some(report) if is_next && room.connected => {
                self.sent_to = sequence + 1;
                room.in_flight += octets;
                out.push(Output::Send(ToCoordinator::Report(report)));
            }
            Some(_) => {}
            None => {
                self.kept.remove(&sequence);
                room.dropped += 1;
                room.leave_disk(octets);
                out.push(Output::Forget(id));
            }
        }
    }

    /// A report is on disk, or could not be written and stays in memory.
    pub(super) fn spooled(&mut self, sequence: u64, returned: Option<Box<IntervalReport>>, room: &mut Room) {
        let Some(kept) = self.kept.get_mut(&sequence) else { return };
        room.written(kept.octets);
        kept.place = match returned {
            None => Place::Disk,
            Some(report) => {
                room.disk_failed(kept.octets);
                Place::Memory(report)
            }
        };
    }

    /// Forgets a report that is merged. False when there is no such report.
    pub(super) fn acknowledge(
        &mut self,
        shard: u32,
        epoch: u64,
        sequence: u64,
        room: &mut Room,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(kept) = self.kept.remove(&sequence) else { return false };
        let id = ReportId { shard, epoch, sequence };
        if sequence < self.sent_to {
            room.in_flight = room.in_flight.saturating_sub(kept.octets);
        }
        match kept.place {
            Place::Memory(_) => room.memory_used = room.memory_used.saturating_sub(kept.octets),
            // Found missing when it is written.
            Place::Writing => room.orphans.push((id, kept.octets)),
            Place::Disk => {
                room.leave_disk(kept.octets);
                out.push(Output::Forget(id));
            }
        }
        true
    }

    /// Forgets all of them: they are refused.
    pub(super) fn forget(&mut self, shard: u32, epoch: u64, room: &mut Room, out: &mut Vec<Output>) {
        let sequences: Vec<u64> = self.kept.keys().copied().collect();
        for sequence in sequences {
            self.acknowledge(shard, epoch, sequence, room, out);
        }
    }

    /// The connection is lost: all that is kept is to be sent again.
    pub(super) fn rewind(&mut self) {
        self.sent_to = 0;
    }

    /// The oldest that is not acknowledged, or the number of the next one.
    pub(super) fn unacknowledged(&self) -> u64 {
        self.kept.keys().next().copied().unwrap_or(self.next)
    }

    /// How many were made.
    pub(super) fn made(&self) -> u64 {
        self.next
    }

    pub(super) fn holds(&self, sequence: u64) -> bool {
        self.kept.contains_key(&sequence)
    }

    /// How many are not acknowledged.
    pub(super) fn waiting(&self) -> usize {
        self.kept.len()
    }
}

/// Memory, disk and window, shared by all reports of the agent.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) connected: bool,
    memory: u64,
    memory_used: u64,
    disk: u64,
    /// Where the next report goes in the file; back to 0 whenever nothing is in it.
    disk_end: u64,
    disk_live: u64,
    disk_octets: u64,
    writing: u64,
    window: u64,
    in_flight: u64,
    /// Reports that were acknowledged or revoked while they were written.
    orphans: Vec<(ReportId, u64)>,
    pub(super) dropped: u64,
}

impl Room {
    pub(super) fn new(memory: u64, disk: u64, window: u64) -> Self {
        Self {
            connected: false,
            memory,
            memory_used: 0,
            disk,
            disk_end: 0,
            disk_live: 0,
            disk_octets: 0,
            writing: 0,
            window,
            in_flight: 0,
            orphans: Vec::new(),
            dropped: 0,
        }
    }

    /// A connection begins or ends: nothing is on its way.
    pub(super) fn set_connected(&mut self, connected: bool) {
        (self.connected, self.in_flight) = (connected, 0);
    }

    /// Octets on disk, and on their way there.
    pub(super) fn disk_octets(&self) -> u64 {
        self.disk_octets
    }

    /// A report was written that nobody needs any more.
    pub(super) fn spooled_for_nobody(&mut self, id: ReportId, failed: bool, out: &mut Vec<Output>) {
        let Some(position) = self.orphans.iter().position(|(orphan, _)| *orphan == id) else { return };
        let (_, octets) = self.orphans.swap_remove(position);
        self.written(octets);
        if failed {
            self.disk_failed(octets);
            self.memory_used = self.memory_used.saturating_sub(octets);
        } else {
            self.leave_disk(octets);
            out.push(Output::Forget(id));
        }
    }

    fn is_half_full(&self) -> bool {
        self.memory_used > self.memory / 2
    }

    fn take_memory(&mut self, octets: u64) -> bool {
        let fits = self.memory_used.saturating_add(octets) <= self.memory;
        if fits {
            self.memory_used += octets;
        }
        fits
    }

    fn take_disk(&mut self, octets: u64) -> bool {
        // A slow disk costs reports, not memory.
        let fits = self.disk_end.saturating_add(octets) <= self.disk
            && self.writing.saturating_add(octets) <= MOST_WRITING;
        if fits {
            self.disk_end += octets;
            self.disk_octets += octets;
            self.disk_live += 1;
            self.writing += octets;
        }
        fits
    }

    fn written(&mut self, octets: u64) {
        self.writing = self.writing.saturating_sub(octets);
    }

    /// The disk did not take it: it is in memory, over the limit, and nothing more goes there.
    fn disk_failed(&mut self, octets: u64) {
        self.disk = 0;
        self.memory_used += octets;
        self.leave_disk(octets);
    }

    fn leave_disk(&mut self, octets: u64) {
        self.disk_octets = self.disk_octets.saturating_sub(octets);
        self.disk_live = self.disk_live.saturating_sub(1);
        if self.disk_live == 0 {
            self.disk_end = 0;
        }
    }

    fn fits_window(&self, octets: u64) -> bool {
        self.connected && (self.in_flight == 0 || self.in_flight.saturating_add(octets) <= self.window)
    }
}

/// Counts the rows of a report, and leaves them out.
fn leave_rows_out(report: &mut IntervalReport) {
    for row in std::mem::take(&mut report.rows) {
        report.rows_left_out.count(row.for_what);
    }
}

fn id(report: &IntervalReport) -> ReportId {
    ReportId { shard: report.shard, epoch: report.epoch, sequence: report.sequence }
}

/// What a report takes on the wire and on disk; in memory it is about that.
fn octets(report: &IntervalReport) -> u64 {
    postcard::experimental::serialized_size(report).map_or(u64::MAX, |octets| octets as u64)
}

/// Octets that may be on their way to the disk.
const MOST_WRITING: u64 = 16 << 20;
