//! What a draft does: its loads, conditions and what must hold.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Draft, time};

/// What a draft is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everybody registers, and stays.
    Attach,
    /// Registered UEs with sessions, and a burst of service requests again and again, for hours.
    Soak,
    /// Half of the UEs switch off and on again and again; a guardrail ends the run when the core gives in.
    Storm,
    /// UEs cross a border with their sessions, and a tariff says what it costs.
    Roaming,
    /// A search for the highest rate of registrations.
    Capacity,
    /// What another program was configured to do.
    Import,
}

impl Kind {
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Attach => "Everybody registers, and stays registered.",
            Self::Soak => {
                "UEs with sessions for a long time, with a burst of service requests again and again."
            }
            Self::Storm => {
                "Half of the UEs switch off and on again and again, while the others must be served."
            }
            Self::Roaming => {
                "UEs cross a border with their sessions, and what they use abroad has its own price."
            }
            Self::Capacity => "The highest rate of registrations at which the conditions hold.",
            Self::Import => "Everybody registers and opens a session.",
        }
    }

    pub(super) fn has_sessions(self) -> bool {
        matches!(self, Self::Soak | Self::Roaming | Self::Import)
    }
}

impl Draft {
    pub(super) fn write_kind(&self, out: &mut String) -> std::fmt::Result {
        match self.kind {
            Kind::Attach => self.attach(out),
            Kind::Soak => self.soak(out),
            Kind::Storm => self.storm(out),
            Kind::Roaming => self.roaming(out),
            Kind::Capacity => self.capacity(out),
            Kind::Import => self.import(out),
        }
    }

    /// How long the registrations take: one of each subscriber.
    fn registering(&self) -> Duration {
        let ms = u128::from(self.count()) * 1000 / u128::from(self.rate_per_s.max(1));
        Duration::from_millis(u64::try_from(ms.max(1)).unwrap_or(u64::MAX))
    }

    /// What is left of the length after this, but some seconds at least.
    fn rest_after(&self, time: Duration) -> Duration {
        self.length.saturating_sub(time).max(Duration::from_secs(5))
    }

    fn registrations(&self, out: &mut String) -> std::fmt::Result {
        let (rate, for_) = (self.rate_per_s, self.registering());
        let hold = time(self.rest_after(for_));
        writeln!(out, "# Load is open: attempts are due by the clock, whether or not the network keeps up.")?;
        writeln!(out, "load:\n  - procedure: registration\n    phases:")?;
        writeln!(out, "      - {{name: attach, rate: {rate}/s, for: {}}}", time(for_))?;
        writeln!(out, "      # What --duration makes longer or shorter.")?;
        writeln!(out, "      - {{name: attached, hold: {hold}, stretch: true}}")
    }

    fn sessions_of_all(&self, out: &mut String) -> std::fmt::Result {
        let (rate, for_) = (self.rate_per_s, time(self.registering()));
        writeln!(
            out,
            "  - {{procedure: pdu-session, starts-after: 1s, phases: [{{rate: {rate}/s, for: {for_}}}]}}"
        )
    }

    fn attach(&self, out: &mut String) -> std::fmt::Result {
        self.registrations(out)?;
        judged(
            out,
            &[
                "{metric: registration.success, at-least: 99.5%}",
                "{metric: registration.latency.p95, below: 1s}",
            ],
        )?;
        guarded(out, "registration.success")
    }

    fn soak(&self, out: &mut String) -> std::fmt::Result {
        self.registrations(out)?;
        self.sessions_of_all(out)?;
        let begins = self.registering() + Duration::from_secs(15);
        let every = (self.rest_after(begins) / 6).clamp(Duration::from_secs(15), Duration::from_secs(600));
        let every = Duration::from_secs(every.as_secs());
        let until = (begins + every).max(self.length.max(self.registering() + Duration::from_secs(5)));
        let rate = (self.count() / 20).clamp(1, u64::from(self.rate_per_s.max(1)));
        writeln!(out, "  # UEs fall idle by cells.inactivity, and come back in bursts.")?;
        writeln!(out, "  - procedure: service-request\n    starts-after: {}", time(begins))?;
        writeln!(out, "    repeat: {{every: {}, until: {}}}", time(every), time(until))?;
        writeln!(out, "    phases: [{{name: burst, rate: {rate}/s, for: 5s}}]")?;
        judged(
            out,
            &[
                "{metric: registration.success, at-least: 99.5%}",
                "{metric: pdu-session.success, at-least: 99%}",
                "{metric: service-request.success, at-least: 99%, phase: burst}",
                "{metric: billing.unreconciled, equals: 0}",
            ],
        )?;
        guarded(out, "service-request.success")
    }

    fn storm(&self, out: &mut String) -> std::fmt::Result {
        self.registrations(out)?;
        let begins = self.registering() + Duration::from_secs(1);
        let lasts = self.rest_after(begins).mul_f64(0.6).min(Duration::from_secs(120));
        let lasts = Duration::from_secs(lasts.as_secs().max(2));
        writeln!(
            out,
            "# At most 10 minutes of impairment in any hour, unless conditions.override says by whom and why."
        )?;
        writeln!(out, "conditions:\n  impairments:")?;
        writeln!(
            out,
            "    - {{name: storm, signalling-storm: {{share: 50%, period: 2s}}, at: {}, for: {}}}",
            time(begins),
            time(lasts)
        )?;
        writeln!(out, "# registration.all also counts what UEs begin by themselves.")?;
        judged(
            out,
            &[
                "{metric: registration.success, at-least: 99%}",
                "{metric: registration.all.success, at-least: 95%}",
            ],
        )?;
        guarded(out, "registration.all.success")
    }

    fn roaming(&self, out: &mut String) -> std::fmt::Result {
        let (plmn, visited) = (self.plmn, self.visited);
        writeln!(out, "# To a base station of the other network, and back.")?;
        writeln!(out, "mobility: {{path: border, interruption: 30ms}}")?;
        self.registrations(out)?;
        self.sessions_of_all(out)?;
        let begins = self.registering() + Duration::from_secs(2);
        let lasts = self.rest_after(begins).min(Duration::from_secs(600));
        let rate = (self.count() / 20).clamp(1, u64::from(self.rate_per_s.max(1)));
        writeln!(
            out,
            "  - {{procedure: handover-n2, starts-after: {}, phases: [{{name: border, rate: {rate}/s, for: {}}}]}}",
            time(begins),
            time(lasts)
        )?;
        judged(
            out,
            &[
                "{metric: registration.success, at-least: 99%}",
                "{metric: handover-n2.success, at-least: 97%}",
                "{metric: handover-n2.latency.p95, below: 600ms}",
                "{metric: billing.unreconciled, equals: 0}",
            ],
        )?;
        guarded(out, "handover-n2.success")?;
        writeln!(
            out,
            "# What is agreed: sessions leave in the home network (home-routed), or in the visited one (local)."
        )?;
        writeln!(
            out,
            "network:\n  equivalent-plmns: true\n  roaming: [{{visited: {visited}, breakout: home-routed}}]"
        )?;
        writeln!(out, "# The first rate that fits is applied: the special before the general.")?;
        writeln!(out, "charging:\n  tariff:\n    name: at home and abroad\n    currency: EUR\n    rates:")?;
        writeln!(
            out,
            "      - {{name: guest in {visited}, serving: {visited}, scope: roaming, per: 10kB, price: 0.0004}}"
        )?;
        writeln!(out, "      - {{name: home in {plmn}, per: 100kB, price: 0.001}}")
    }

    fn capacity(&self, out: &mut String) -> std::fmt::Result {
        let probe = self.length.min(Duration::from_secs(20));
        let to = u128::from(self.count()) * 1000 / probe.as_millis().max(1);
        let from = u128::from(self.rate_per_s.max(1)).min(to.max(2) / 2);
        writeln!(out, "# Each probe begins with nobody registered; each attempt needs a subscriber.")?;
        writeln!(out, "search:\n  find: registration.rate")?;
        writeln!(out, "  while: registration.latency.p99 < 300ms and registration.success > 99.5%")?;
        writeln!(out, "  from: {from}/s\n  probe: {}", time(probe))
    }

    fn import(&self, out: &mut String) -> std::fmt::Result {
        self.registrations(out)?;
        let mut slos = vec!["{metric: registration.success, at-least: 99%}"];
        if !self.sessions.is_empty() {
            self.sessions_of_all(out)?;
            slos.push("{metric: pdu-session.success, at-least: 99%}");
        }
        judged(out, &slos)
    }
}

fn judged(out: &mut String, slos: &[&str]) -> std::fmt::Result {
    writeln!(out, "# What must hold at the end; its exit code is 1 when it does not.")?;
    writeln!(out, "slos:")?;
    slos.iter().try_for_each(|slo| writeln!(out, "  - {slo}"))
}

fn guarded(out: &mut String, metric: &str) -> std::fmt::Result {
    writeln!(out, "# What aborts the run.")?;
    writeln!(out, "guardrails:\n  - {{abort-when: {{metric: {metric}, below: 50%}}, for: 5s}}")
}

#[cfg(test)]
mod tests {
    use super::super::{DraftGroup, DraftSession};
    use super::*;
    use crate::Scenario;

    fn draft(kind: Kind, count: u64, rate_per_s: u32, length_s: u64) -> Draft {
        let slice = "1".parse().unwrap();
        Draft {
            kind,
            name: "mine".to_owned(),
            made_by: "A test".to_owned(),
            plmn: "001/01".parse().unwrap(),
            visited: "262/01".parse().unwrap(),
            others: Vec::new(),
            groups: vec![DraftGroup {
                plmn: "001/01".parse().unwrap(),
                imsi: "001010000000001".to_owned(),
                count,
                k: "{derived-from: \"465B5CE8B199B49FAA5F0A2EE238A6BC\"}".to_owned(),
                operator_field: "opc",
                operator_key: "E8ED289DEBA952E4283B54E88E6183CA".to_owned(),
                amf: None,
                suci: None,
            }],
            nodes: 2,
            tacs: vec![1],
            slices: vec![slice],
            first_node_id: None,
            sessions: vec![DraftSession {
                dnn: "internet".parse().unwrap(),
                type_: Default::default(),
                slice,
            }],
            algorithms: None,
            radio: "urban".to_owned(),
            rate_per_s,
            length: Duration::from_secs(length_s),
        }
    }

    #[test]
    fn every_draft_passes_its_check_without_a_warning() {
        for kind in [Kind::Attach, Kind::Soak, Kind::Storm, Kind::Roaming, Kind::Capacity, Kind::Import] {
            for (count, rate, length) in
                [(100, 50, 30), (1, 1, 1), (10_000, 1_000, 28_800), (7, 3, 10), (40_000, 7, 60)]
            {
                if kind == Kind::Roaming && count < 2 || kind == Kind::Capacity && count < 100 {
                    continue;
                }
                let text = draft(kind, count, rate, length).to_yaml();
                let scenario =
                    Scenario::from_yaml(&text, "mine.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert_eq!(scenario.warnings(), [""; 0], "{text}");
                assert!(
                    text.lines().filter(|line| line.trim_start().starts_with('#')).count() >= 4,
                    "{text}"
                );
            }
        }
    }
}
