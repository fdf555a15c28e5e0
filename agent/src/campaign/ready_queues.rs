//! Who is next in line: one queue for each procedure that the scenario starts.
//!
//! A UE joins the queue of a procedure when it could attempt it, and leaves it when it is chosen or found unable. So each
//! queue is in the order of waiting, and N attempts spread over N UEs that stay able take each of them once, whatever
//! other procedures take the same UEs meanwhile.

use std::collections::VecDeque;

use identity::Procedure;

/// The queues of a shard. Memory: four octets a UE and procedure of the scenario.
pub(crate) struct ReadyQueues {
    queues: [Option<VecDeque<u32>>; Procedure::ALL.len()],
}

/// Which queues a UE waits in: a bit for each procedure.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct QueuedFor(u64);

const _: () = assert!(Procedure::ALL.len() <= 64);

/// What a queue makes of a UE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fitness {
    /// It is not in the state that the procedure needs: it leaves the queue.
    Unable,
    /// It is in the middle of something: it keeps its place.
    Busy,
    /// It could be taken; one of a lower rank is better, and of equals the one that waited longest.
    Able {
        /// How often it was taken already, and whether something must be done for it first.
        rank: u32,
    },
}

impl ReadyQueues {
    pub(crate) fn new(procedures: impl Iterator<Item = Procedure>) -> Self {
        let mut queues = Self { queues: [const { None }; Procedure::ALL.len()] };
        for procedure in procedures {
            if let Some(queue) = queues.queues.get_mut(index(procedure)) {
                queue.get_or_insert_default();
            }
        }
        queues
    }

    /// The UE joins, at the end, each queue of a procedure that `is_able` says it could attempt.
    pub(crate) fn join(&mut self, ue: u32, queued_for: &mut QueuedFor, is_able: impl Fn(Procedure) -> bool) {
        for (procedure, queue) in Procedure::ALL.into_iter().zip(&mut self.queues) {
            let Some(queue) = queue else { continue };
            if !queued_for.has(procedure) && is_able(procedure) {
                queued_for.set(procedure, true);
                queue.push_back(ue);
            }
        }
    }

    /// Takes the UE that has waited longest in a queue; of the first few, one of a lower rank goes before. The caller
    /// clears the bits of those that left: they are handed to `left`.
    pub(crate) fn take(
        &mut self,
        procedure: Procedure,
        fitness: impl Fn(u32) -> Fitness,
        mut left: impl FnMut(u32),
    ) -> Option<u32> {
        let queue = self.queues.get_mut(index(procedure))?.as_mut()?;
        let (mut at, mut best) = (0, None::<(u32, usize)>);
        while at < LOOKED_AT
            && let Some(&ue) = queue.get(at)
        {
            match fitness(ue) {
                Fitness::Unable => {
                    queue.remove(at);
                    left(ue);
                    continue;
                }
                Fitness::Able { rank } if best.is_none_or(|(lowest, _)| rank < lowest) => {
                    best = Some((rank, at));
                    if rank == 0 {
                        break;
                    }
                }
                Fitness::Busy | Fitness::Able { .. } => {}
            }
            at += 1;
        }
        if let Some((_, place)) = best {
            let taken = queue.remove(place);
            taken.into_iter().for_each(&mut left);
            return taken;
        }
        // All of the first are in the middle of something: the next attempt looks at others.
        queue.rotate_left(at.min(queue.len()));
        None
    }

    /// Every queue with who waits in it, by the procedure's place among all.
    pub(crate) fn snapshot(&self) -> impl Iterator<Item = (u8, Vec<u32>)> + '_ {
        let queues = (0u8..).zip(&self.queues);
        queues.filter_map(|(procedure, queue)| Some((procedure, queue.as_ref()?.iter().copied().collect())))
    }

    /// Nobody waits any more.
    pub(crate) fn clear(&mut self) {
        self.queues.iter_mut().flatten().for_each(VecDeque::clear);
    }

    /// The UE joins the queue of the procedure at this place among all, where there is one.
    pub(crate) fn join_one(&mut self, procedure: u8, ue: u32, queued_for: &mut QueuedFor) {
        let place = usize::from(procedure);
        let Some(&procedure) = Procedure::ALL.get(place) else { return };
        if let Some(Some(queue)) = self.queues.get_mut(place)
            && !queued_for.has(procedure)
        {
            queued_for.set(procedure, true);
            queue.push_back(ue);
        }
    }

    pub(crate) fn octets(&self) -> usize {
        self.queues.iter().flatten().map(|queue| queue.capacity() * size_of::<u32>()).sum()
    }
}

impl QueuedFor {
    pub(crate) fn has(self, procedure: Procedure) -> bool {
        self.0 & 1 << index(procedure) != 0
    }

    pub(crate) fn set(&mut self, procedure: Procedure, waits: bool) {
        self.0 = self.0 & !(1 << index(procedure)) | u64::from(waits) << index(procedure);
    }
}

fn index(procedure: Procedure) -> usize {
    procedure as usize
}

/// UEs that one choice looks at.
const LOOKED_AT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const P: Procedure = Procedure::HandoverN2;

    fn queue_of(ues: u32) -> (ReadyQueues, Vec<QueuedFor>) {
        let mut queues = ReadyQueues::new([P].into_iter());
        let mut queued_for = vec![QueuedFor::default(); ues as usize];
        for (ue, queued_for) in (0..).zip(&mut queued_for) {
            queues.join(ue, queued_for, |_| true);
            queues.join(ue, queued_for, |_| true);
        }
        (queues, queued_for)
    }

    #[test]
    fn as_many_attempts_as_ues_take_each_once() {
        let (mut queues, mut queued_for) = queue_of(200);
        let mut taken = Vec::new();
        for _ in 0..200 {
            let ue = queues
                .take(P, |_| Fitness::Able { rank: 0 }, |ue| queued_for[ue as usize].set(P, false))
                .unwrap();
            taken.push(ue);
            queues.join(ue, &mut queued_for[ue as usize], |_| true);
        }
        taken.sort_unstable();
        assert_eq!(taken, (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn a_busy_ue_keeps_its_place_and_an_unable_one_leaves() {
        let (mut queues, mut queued_for) = queue_of(3);
        let mut leave = |ue: u32| queued_for[ue as usize].set(P, false);
        let fitness = |ue| match ue {
            0 => Fitness::Busy,
            1 => Fitness::Unable,
            _ => Fitness::Able { rank: 0 },
        };
        assert_eq!(queues.take(P, fitness, &mut leave), Some(2));
        assert_eq!(queues.take(P, |_| Fitness::Able { rank: 0 }, &mut leave), Some(0));
        assert_eq!(queues.take(P, |_| Fitness::Able { rank: 0 }, &mut leave), None);
        assert!(queued_for.iter().all(|queued_for| !queued_for.has(P)));
    }

    #[test]
    fn a_line_whose_first_are_all_busy_moves_on() {
        let (mut queues, _) = queue_of(100);
        let fitness = |ue| if ue < 70 { Fitness::Busy } else { Fitness::Able { rank: 0 } };
        assert_eq!(queues.take(P, fitness, |_| ()), None);
        assert_eq!(queues.take(P, fitness, |_| ()), Some(70));
    }

    #[test]
    fn of_the_first_the_lowest_rank_goes_before() {
        let (mut queues, _) = queue_of(4);
        let fitness = |ue| Fitness::Able { rank: [2, 1, 2, 1][ue as usize] };
        assert_eq!(queues.take(P, fitness, |_| ()), Some(1));
        assert_eq!(queues.take(P, fitness, |_| ()), Some(3));
        assert_eq!(queues.take(P, fitness, |_| ()), Some(0));
    }
}
