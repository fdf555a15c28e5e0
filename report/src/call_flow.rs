//! The lives of a few UEs as ladder diagrams: lifelines for the UE, its gNBs and the AMF, a rung for each message.
//!
//! Every ladder is in the page; the script shows the chosen one. Without a script they stand one below the other.

use maud::{Markup, html};
use results::{CallFlow, CallFlowMessage};

use super::Run;
use super::figures::{count, cut, latency, some, title};

pub(super) fn section(run: &Run<'_>) -> Markup {
    let lives = lives(run.ladders);
    html! {
        @if !lives.is_empty() {
            section id="ladders" aria-labelledby="ladders-title" {
                h2 id="ladders-title" { "The life of one UE" }
                p.note { "Messages between UE, gNB and AMF, with their times since the start of the run and since the message before. What carries NAS "
                    "goes through the gNB; the time is that at the gNB. What the radio lost is crossed out. Failed UEs come first, then those of the "
                    "slowest attempts, then sampled ones." }
                div.choose hidden {
                    label for="ladder-choice" { "UE " }
                    select id="ladder-choice" {
                        @for kind in Kind::ALL {
                            @let of_kind = || lives.iter().enumerate().filter(|(_, life)| life.kind == kind);
                            @if of_kind().next().is_some() {
                                optgroup label=(kind.title()) { @for (number, life) in of_kind() { option value=(number) { (life.name()) } } }
                            }
                        }
                    }
                }
                @for (number, life) in lives.iter().enumerate() { (life.draw(number)) }
            }
        }
    }
}

/// The anchor of the slowest attempt of a procedure, where its messages are there.
pub(super) fn slowest_of(flows: &[CallFlow], procedure: &str) -> Option<String> {
    let us = |flow: &CallFlow| {
        let slowest = flow.slowest.as_ref().filter(|slow| slow.procedure == procedure);
        slowest.map(|slow| slow.latency_us)
    };
    let slowest =
        in_order(flows).into_iter().enumerate().filter_map(|(number, flow)| Some((us(flow)?, number)));
    slowest.max().map(|(_, number)| format!("ladder-{number}"))
}

/// Those that are shown, in their order.
fn in_order(flows: &[CallFlow]) -> Vec<&CallFlow> {
    let mut shown: Vec<&CallFlow> = flows.iter().filter(|flow| !flow.messages.is_empty()).collect();
    shown.sort_by_key(|flow| Kind::of(flow));
    shown.truncate(MOST_LIVES);
    shown
}

fn lives(flows: &[CallFlow]) -> Vec<Life<'_>> {
    in_order(flows).into_iter().filter_map(Life::of).collect()
}

/// Why a life is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Failed,
    Slowest,
    Sampled,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Failed, Self::Slowest, Self::Sampled];

    fn of(flow: &CallFlow) -> Self {
        match (flow.failed, &flow.slowest) {
            (true, _) => Self::Failed,
            (false, Some(_)) => Self::Slowest,
            (false, None) => Self::Sampled,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Slowest => "Slowest attempts",
            Self::Sampled => "Sampled",
        }
    }
}

/// One UE.
struct Life<'a> {
    imsi: String,
    why: String,
    kind: Kind,
    messages: Vec<&'a CallFlowMessage>,
    left_out: u64,
    /// The ends at the RAN, in the order in which they appear: the UE was at the first one first.
    rans: Vec<String>,
}

impl<'a> Life<'a> {
    fn of(flow: &'a CallFlow) -> Option<Self> {
        let messages: Vec<&CallFlowMessage> = flow.messages.iter().take(MOST_MESSAGES).collect();
        if messages.is_empty() {
            return None;
        }
        let mut rans: Vec<String> = Vec::new();
        for ran in messages.iter().map(|message| end(message)) {
            if !rans.contains(&ran) && rans.len() < MOST_RANS {
                rans.push(ran);
            }
        }
        let beyond = u64::try_from(flow.messages.len() - messages.len()).unwrap_or(u64::MAX);
        let kind = Kind::of(flow);
        let why = match &flow.slowest {
            Some(slow) if kind == Kind::Slowest => {
                format!("{} took {}", title(&slow.procedure), latency(slow.latency_us as f64))
            }
            _ => cut(&flow.why),
        };
        let left_out = flow.left_out.saturating_add(beyond);
        Some(Self { imsi: cut(&flow.imsi), why, kind, messages, left_out, rans })
    }

    fn name(&self) -> String {
        let sign = if self.kind == Kind::Failed { "✕ " } else { "" };
        format!("{sign}{} · {} · {} messages", self.imsi, self.why, count(self.messages.len() as u64))
    }

    fn draw(&self, number: usize) -> Markup {
        let mut before: Option<f64> = None;
        html! {
            figure.ladder id={ "ladder-" (number) } tabindex="-1" {
                figcaption { span.id { (self.imsi) } " "
                    @if self.kind == Kind::Failed { strong.fail { span aria-hidden="true" { "✕ " } (self.why) } } @else { span.quiet { (self.why) } } }
                div.wide tabindex="0" role="region" aria-label={ "Messages of " (self.imsi) } { table style=(format!("--lanes:{}", self.rans.len() + 2)) {
                    thead { tr {
                        th.n scope="col" { "Time" }
                        th.n scope="col" { span.quiet { "after" } }
                        th.lane scope="col" { "UE" }
                        @for (lane, ran) in self.rans.iter().enumerate() { th.lane scope="col" {
                            (if self.rans.len() == 1 { "gNB".to_owned() } else { format!("gNB {}", lane + 1) }) br; span.quiet { (ran) }
                        } }
                        th.lane scope="col" { "AMF" br; span.quiet { (self.core()) } }
                    } }
                    tbody { @for message in &self.messages {
                        @let at = message.at_us as f64;
                        (self.rung(message, at, before.replace(at)))
                    } }
                } }
                @if self.left_out > 0 { p.note { "… and " (count(self.left_out)) " more messages, which are in traces/ if they were kept." } }
            }
        }
    }

    fn core(&self) -> String {
        self.messages.iter().find_map(|message| some(&message.core)).unwrap_or_default()
    }

    /// One message: an arrow over the lifelines between its two ends.
    fn rung(&self, message: &CallFlowMessage, at: f64, before: Option<f64>) -> Markup {
        let ran = end(message);
        let lane = 1 + self.rans.iter().position(|known| *known == ran).unwrap_or(self.rans.len() - 1);
        let core = self.rans.len() + 1;
        let name = some(&message.name).unwrap_or_else(|| "message".to_owned());
        let comment = some(&message.comment);
        // What the radio lost went from the UE to its gNB, or back, and no further.
        let (from, to) = match (message.lost, reaches_ue(&name)) {
            (true, _) => (0, lane),
            (false, true) => (0, core),
            (false, false) => (lane, core),
        };
        let (uplink, between) = (message.uplink, to - from);
        let ends = match (message.lost, uplink) {
            (true, true) => "lost on the radio, on its way to the gNB",
            (true, false) => "lost on the radio, on its way to the UE",
            (false, true) => "to the AMF",
            (false, false) if from == 0 => "to the UE",
            (false, false) => "to the gNB",
        };
        html! {
            tr class=(if comment.is_some() { "begins" } else { "" }) {
                td.n { (clock(at)) }
                td.n.quiet { @if let Some(before) = before { (after(at - before)) } }
                @for _ in 0..from { td.lane {} }
                td.rung colspan=(between + 1) style=(format!("--between:{between}")) {
                    @if let Some(comment) = &comment { span.comment { (comment) } }
                    span.what { @if message.lost { strong.fail { "✕ lost on the radio: " } } (name) }
                    i class={ "arrow " (if uplink { "up" } else { "down" }) @if message.lost { " lost" } } aria-hidden="true" {
                        // Where it passes through the gNB.
                        @if !message.lost && from == 0 { b style=(format!("--at:{}", lane)) {} }
                    }
                    span.away { (ends) }
                }
                @for _ in to..core { td.lane {} }
            }
        }
    }
}

/// Whether a message goes through to the UE, or comes from there: it carries NAS, or the gNB tells the UE at once.
fn reaches_ue(name: &str) -> bool {
    const CARRIERS: [&str; 5] = [
        "InitialUEMessage",
        "DownlinkNASTransport",
        "UplinkNASTransport",
        "HandoverCommand",
        "HandoverNotify",
    ];
    name.contains(" · ") || CARRIERS.iter().any(|carrier| name.starts_with(carrier))
}

fn end(message: &CallFlowMessage) -> String {
    some(&message.ran).unwrap_or_else(|| "gNB".to_owned())
}

fn clock(us: f64) -> String {
    format!("{:.4} s", us / 1e6)
}

fn after(us: f64) -> String {
    match us {
        us if us < 0.0 => String::new(),
        us if us < 1_000.0 => format!("+{us:.0} µs"),
        us if us < 1_000_000.0 => format!("+{:.1} ms", us / 1e3),
        us => format!("+{:.2} s", us / 1e6),
    }
}

const MOST_LIVES: usize = 60;
const MOST_MESSAGES: usize = 160;
const MOST_RANS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use results::SlowAttempt;

    fn message(at_us: i64, uplink: bool, ran: &str, name: &str) -> CallFlowMessage {
        let (ran, core, name) = (ran.to_owned(), "10.0.0.9:38412".to_owned(), name.to_owned());
        CallFlowMessage { at_us, uplink, ran, core, name, ..CallFlowMessage::default() }
    }

    fn flow(imsi: &str, messages: Vec<CallFlowMessage>) -> CallFlow {
        CallFlow { imsi: imsi.to_owned(), why: "sampled".to_owned(), messages, ..CallFlow::default() }
    }

    #[test]
    fn a_life_at_two_gnbs_has_a_lane_for_the_ue_and_for_each() {
        let messages = vec![
            message(1_000_000, true, "10.0.0.1:1", "HandoverRequired"),
            message(1_004_500, false, "10.0.0.2:1", "HandoverRequest"),
            message(1_009_000, false, "10.0.0.1:1", "HandoverCommand"),
        ];
        let flow = CallFlow { left_out: 3, ..flow("001010000000001", messages) };
        let life = Life::of(&flow).unwrap();
        assert_eq!(life.rans, ["10.0.0.1:1", "10.0.0.2:1"]);
        let page = life.draw(0).into_string();
        for shown in ["<th class=\"lane\" scope=\"col\">UE</th>", "gNB 2", "+4.5 ms", "3 more messages"] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        // From the first gNB over the second one to the AMF; the command goes on to the UE.
        let rungs: Vec<&str> = page.split("colspan=\"").skip(1).map(|rest| &rest[..1]).collect();
        assert_eq!(rungs, ["3", "2", "4"]);
        assert!(Life::of(&CallFlow::default()).is_none());
    }

    #[test]
    fn what_the_radio_lost_is_crossed_out_between_the_ue_and_its_gnb() {
        let sent = message(5_000_000, true, "10.0.0.1:1", "InitialUEMessage · Service request");
        let lost =
            CallFlowMessage { lost: true, ..message(5_100_000, false, "10.0.0.1:1", "Service accept") };
        let unheard = CallFlowMessage { lost: true, ..message(5_200_000, true, "10.0.0.1:1", "Detach") };
        let page =
            Life::of(&flow("001010000000001", vec![sent, lost, unheard])).unwrap().draw(0).into_string();
        let rungs: Vec<&str> = page.split("<tr").skip(3).collect();
        for (rung, name, whither, way) in [
            (rungs[0], "Service accept", "on its way to the UE", "down"),
            (rungs[1], "Detach", "on its way to the gNB", "up"),
        ] {
            assert!(rung.contains(&format!("✕ lost on the radio: </strong>{name}")), "{rung}");
            assert!(
                rung.contains(&format!("class=\"arrow {way} lost\"")) && rung.contains(whither),
                "{rung}"
            );
            // From the UE's lifeline to the gNB's, and the AMF, which comes last, has no part in it.
            assert!(!rung.contains("<b"), "it passed through no gNB: {rung}");
            let lanes: Vec<&str> = rung.split("<td class=\"").skip(1).collect();
            let [_, _, arrow, amf] = lanes.as_slice() else { panic!("{rung}") };
            assert!(arrow.starts_with("rung\" colspan=\"2\"") && amf.starts_with("lane\""), "{rung}");
        }
    }

    #[test]
    fn slowest_attempt_of_a_procedure_has_an_anchor_after_the_failed_ones() {
        let slow = |imsi, procedure: &str, latency_us| CallFlow {
            slowest: Some(SlowAttempt { procedure: procedure.to_owned(), latency_us }),
            ..flow(imsi, vec![message(0, true, "a", "InitialUEMessage")])
        };
        let failed = CallFlow { failed: true, ..flow("3", vec![message(0, true, "a", "InitialUEMessage")]) };
        let flows = [slow("1", "registration", 90), slow("2", "registration", 6_060_000), failed];
        assert_eq!(slowest_of(&flows, "registration").as_deref(), Some("ladder-2"));
        assert_eq!(slowest_of(&flows, "pdu-session"), None);
        assert_eq!(lives(&flows)[2].name(), "2 · Registration took 6.06 s · 1 messages");
    }
}
