//! The system calls that ask for and tell a thread's scheduling (sched(7), `sched_setattr(2)`).

use std::io;
use std::time::Duration;

/// How a thread stands with the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// By fair shares; the slice is how long it runs at a time, zero where the system does not say (before Linux 6.12).
    Fair { slice: Duration },
    /// Before everything that is not real-time.
    RealTime { priority: u32 },
    /// Batch, idle, deadline: set by somebody who knows why.
    Other,
}

/// The number of the calling thread.
pub(crate) fn own_thread() -> i32 {
    // SAFETY: it takes nothing and cannot fail.
    #[allow(unsafe_code, reason = "std does not tell the system's number of a thread")]
    unsafe {
        libc::gettid()
    }
}

/// How a thread of this process stands.
///
/// # Errors
/// As of `sched_getattr(2)`.
pub(crate) fn standing(thread: i32) -> io::Result<Standing> {
    let attributes = attributes(thread)?;
    Ok(match i32::try_from(attributes.sched_policy) {
        Ok(libc::SCHED_OTHER) => Standing::Fair { slice: Duration::from_nanos(attributes.sched_runtime) },
        Ok(libc::SCHED_FIFO | libc::SCHED_RR) => Standing::RealTime { priority: attributes.sched_priority },
        _ => Standing::Other,
    })
}

/// Puts a thread before all that are not real-time. Of two, the one with the higher priority goes first.
///
/// # Errors
/// As of `sched_setattr(2)`; above all that this process may not.
pub(crate) fn make_real_time(thread: i32, priority: u32) -> io::Result<()> {
    let mut wanted = attributes(thread)?;
    wanted.sched_policy = libc::SCHED_FIFO.unsigned_abs();
    // What it starts is ordinary again: a program run by it must not hold the processors.
    wanted.sched_flags = RESET_ON_FORK;
    wanted.sched_nice = 0;
    wanted.sched_priority = priority;
    (wanted.sched_runtime, wanted.sched_deadline, wanted.sched_period) = (0, 0, 0);
    set(thread, &wanted)
}

/// Has a thread share fairly, in slices of this length: the shorter, the sooner it runs after it wakes. Needs no privilege.
/// Systems before Linux 6.12 take the wish and ignore it; [`standing`] tells.
///
/// # Errors
/// As of `sched_setattr(2)`.
pub(crate) fn make_fair(thread: i32, slice: Duration) -> io::Result<()> {
    let mut wanted = attributes(thread)?;
    wanted.sched_policy = libc::SCHED_OTHER.unsigned_abs();
    wanted.sched_flags = 0;
    wanted.sched_priority = 0;
    wanted.sched_runtime = u64::try_from(slice.as_nanos()).unwrap_or(0);
    (wanted.sched_deadline, wanted.sched_period) = (0, 0);
    set(thread, &wanted)
}

/// Processor time of a thread of this process; `None` when there is no such thread any more.
#[allow(unsafe_code, reason = "no safe wrapper reads the clock of another thread")]
pub(crate) fn processor_time(thread: i32) -> Option<Duration> {
    // The kernel's own numbering of clocks (include/linux/posix-timers.h): of a thread, as the scheduler counts.
    let clock = (!thread << 3) | CLOCK_OF_A_THREAD;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local that outlives the call, which writes nothing else.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    Some(Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0)))
}

/// How often the calling thread has gone to sleep of itself.
#[allow(unsafe_code, reason = "no safe wrapper of getrusage(2) for a thread is among the dependencies")]
pub(crate) fn sleeps() -> u64 {
    // SAFETY: the structure is numbers, for which zeros are a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a local that outlives the call, which writes nothing else.
    let done = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    if done == 0 { usage.ru_nvcsw.unsigned_abs() } else { 0 }
}

#[allow(unsafe_code, reason = "no safe wrapper of sched_getattr(2) is among the dependencies")]
fn attributes(thread: i32) -> io::Result<libc::sched_attr> {
    let mut attributes = libc::sched_attr {
        size: SIZE,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the pointer is to a local of the size that is given, which outlives the call.
    let done = unsafe { libc::syscall(libc::SYS_sched_getattr, thread, &raw mut attributes, SIZE, NO_FLAGS) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    attributes.size = SIZE;
    Ok(attributes)
}

#[allow(unsafe_code, reason = "no safe wrapper of sched_setattr(2) is among the dependencies")]
fn set(thread: i32, wanted: &libc::sched_attr) -> io::Result<()> {
    // SAFETY: the pointer is to a value that says its own size and outlives the call, which only reads it.
    let done =
        unsafe { libc::syscall(libc::SYS_sched_setattr, thread, std::ptr::from_ref(wanted), NO_FLAGS) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(clippy::cast_possible_truncation, reason = "it is 56 octets long")]
const SIZE: u32 = size_of::<libc::sched_attr>() as u32;
const NO_FLAGS: u32 = 0;
/// `SCHED_FLAG_RESET_ON_FORK`.
const RESET_ON_FORK: u64 = 1;
/// `CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED`.
const CLOCK_OF_A_THREAD: i32 = 4 | 2;
