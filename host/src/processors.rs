//! How full the processors are, and by whom: `/proc/stat` and this process's own clock.

use std::fs;
use std::time::Duration;

/// Processor time of all processors that this process may use, by who had it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// This process.
    pub own: Duration,
    /// Other processes, and the system's own work.
    pub others: Duration,
    /// The host gave it to others while somebody here wanted to run (a virtual machine's steal time).
    pub stolen: Duration,
    /// Nobody.
    pub idle: Duration,
    /// How long this process's control group had used up its quota (`cpu.max`) and stood still.
    pub held_back: Duration,
}

/// Reads the processors' counters, lap by lap. Counters of the system are in steps of 10 ms.
#[derive(Debug)]
pub struct Meter {
    /// Which processors count.
    allowed: Vec<u32>,
    quota: Option<String>,
    last: Sample,
}

/// The counters at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sample {
    own: Duration,
    busy: Duration,
    idle: Duration,
    stolen: Duration,
    held_back: Duration,
}

impl Meter {
    /// Starts to count. `None` where the system does not tell.
    pub fn start() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let allowed = allowed(&status);
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let group = groups.lines().find_map(|line| line.strip_prefix("0::"));
        let quota = group.map(|group| format!("/sys/fs/cgroup{}/cpu.stat", group.trim_end_matches('/')));
        let mut meter = Self { allowed, quota, last: Sample::default() };
        meter.last = meter.sample()?;
        Some(meter)
    }

    /// How many processors this process may use.
    pub fn processors(&self) -> u32 {
        u32::try_from(self.allowed.len()).unwrap_or(u32::MAX)
    }

    /// What was spent since the last lap, or since the start.
    pub fn lap(&mut self) -> Spent {
        let Some(now) = self.sample() else { return Spent::default() };
        let last = std::mem::replace(&mut self.last, now);
        now.since(last)
    }

    fn sample(&self) -> Option<Sample> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let quota = self.quota.as_ref().and_then(|path| fs::read_to_string(path).ok());
        let sample = Sample {
            own: crate::process_time(),
            held_back: quota.map(|text| held_back(&text)).unwrap_or_default(),
            ..Sample::default()
        };
        let sample = read_stat(&stat, &self.allowed, rustix::param::clock_ticks_per_second(), sample);
        (sample.busy + sample.idle > Duration::ZERO).then_some(sample)
    }
}

impl Sample {
    fn since(self, last: Self) -> Spent {
        let own = self.own.saturating_sub(last.own);
        Spent {
            own,
            // Ours is counted exactly, the whole by ticks: a difference below nothing is none.
            others: self.busy.saturating_sub(last.busy).saturating_sub(own),
            stolen: self.stolen.saturating_sub(last.stolen),
            idle: self.idle.saturating_sub(last.idle),
            held_back: self.held_back.saturating_sub(last.held_back),
        }
    }
}

/// The processors of a line such as `Cpus_allowed_list: 0-3,7`.
fn allowed(status: &str) -> Vec<u32> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    let mut all = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            all.extend((first..=last).take(MOST_PROCESSORS));
        }
    }
    all.truncate(MOST_PROCESSORS);
    all
}

/// Adds the lines `cpu7 user nice system idle iowait irq softirq steal guest guest_nice` of these processors (proc(5)).
fn read_stat(stat: &str, allowed: &[u32], ticks_per_second: u64, mut sample: Sample) -> Sample {
    let time = |ticks: u64| Duration::from_micros(ticks.saturating_mul(1_000_000) / ticks_per_second.max(1));
    for line in stat.lines().filter_map(|line| line.strip_prefix("cpu")) {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|number| number.parse().ok());
        // The sum of all has no number; `allowed` is in order, and a machine has few lines.
        if line.starts_with(' ') || !number.is_some_and(|number: u32| allowed.contains(&number)) {
            continue;
        }
        let ticks: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
        let [user, nice, system, idle, waiting, irq, softirq, stolen] =
            std::array::from_fn(|field| ticks.get(field).copied().unwrap_or_default());
        sample.busy += time(user + nice + system + irq + softirq);
        sample.idle += time(idle + waiting);
        sample.stolen += time(stolen);
    }
    sample
}

/// `throttled_usec` of a control group's `cpu.stat`.
fn held_back(stat: &str) -> Duration {
    let value = stat.lines().find_map(|line| line.strip_prefix("throttled_usec "));
    Duration::from_micros(value.and_then(|value| value.trim().parse().ok()).unwrap_or_default())
}

/// More than any machine has; bounds what a strange file could ask for.
const MOST_PROCESSORS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  600 0 300 1200 0 0 0 90 0 0\n\
                        cpu0 100 10 100 400 50 5 5 30 0 0\n\
                        cpu1 200 0 100 400 0 0 0 30 0 0\n\
                        cpu12 300 0 100 400 0 0 0 30 0 0\nintr 5 0\n";

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn only_the_processors_that_the_process_may_use_count() {
        let sample = read_stat(STAT, &[0, 12], 100, Sample::default());
        assert_eq!(
            (sample.busy, sample.idle, sample.stolen),
            (ms(2_200 + 4_000), ms(4_500 + 4_000), ms(600))
        );
    }

    #[test]
    fn what_is_busy_is_ours_or_others() {
        let last = Sample { own: ms(10), busy: ms(100), idle: ms(1_000), stolen: ms(5), held_back: ms(1) };
        let now = Sample { own: ms(40), busy: ms(190), idle: ms(1_010), stolen: ms(7), held_back: ms(4) };
        let spent = now.since(last);
        assert_eq!(
            (spent.own, spent.others, spent.stolen, spent.idle, spent.held_back),
            (ms(30), ms(60), ms(2), ms(10), ms(3))
        );
        // The ticks come later than the exact clock.
        assert_eq!(Sample { busy: ms(110), ..now }.since(last).others, Duration::ZERO);
    }

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(allowed("Name:\tx\nCpus_allowed_list:\t0-2,7\nMems_allowed:\t1\n"), [0, 1, 2, 7]);
        assert_eq!(allowed("Cpus_allowed_list:\t0-4294967295\n").len(), MOST_PROCESSORS);
        assert_eq!(allowed(""), [0; 0]);
        assert_eq!(held_back("nr_throttled 3\nthrottled_usec 2500\n"), Duration::from_micros(2_500));
    }

    #[test]
    fn this_machine_tells_what_this_process_spends() {
        let mut meter = Meter::start().unwrap();
        assert!(meter.processors() >= 1);
        let start = crate::thread_time();
        while crate::thread_time() < start + ms(30) {}
        assert!(meter.lap().own >= ms(30));
    }
}
