//! The lives of a few UEs as ladder diagrams: lifelines for the RAN ends and the core, a rung for each message.
//!
//! Every ladder is in the page; the script shows the chosen one. Without a script they stand one below the other.

use maud::{Markup, html};
use results::{CallFlow, CallFlowMessage};

use super::Run;
use super::figures::{count, cut, some};

pub(super) fn section(run: &Run<'_>) -> Markup {
    let lives: Vec<Life<'_>> = run.ladders.iter().filter_map(Life::of).take(MOST_LIVES).collect();
    html! {
        @if !lives.is_empty() {
            section id="ladders" aria-labelledby="ladders-title" {
                h2 id="ladders-title" { "The life of one UE" }
                p.note { "Messages between the RAN and the core network, with their times since the start of the run and since the message before. "
                    "Failed UEs come first, then sampled ones." }
                div.choose hidden {
                    label for="ladder-choice" { "UE " }
                    select id="ladder-choice" { @for (number, life) in lives.iter().enumerate() { option value=(number) { (life.name()) } } }
                }
                @for (number, life) in lives.iter().enumerate() { (life.draw(number)) }
            }
        }
    }
}

/// One UE.
struct Life<'a> {
    imsi: String,
    why: String,
    failed: bool,
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
        let left_out = flow.left_out.saturating_add(beyond);
        Some(Self {
            imsi: cut(&flow.imsi),
            why: cut(&flow.why),
            failed: flow.failed,
            messages,
            left_out,
            rans,
        })
    }

    fn name(&self) -> String {
        let sign = if self.failed { "✕ " } else { "" };
        format!("{sign}{} · {} · {} messages", self.imsi, self.why, count(self.messages.len() as u64))
    }

    fn draw(&self, number: usize) -> Markup {
        let columns = self.rans.len();
        let mut before: Option<f64> = None;
        html! {
            figure.ladder id={ "ladder-" (number) } {
                figcaption { span.id { (self.imsi) } " "
                    @if self.failed { strong.fail { span aria-hidden="true" { "✕ " } (self.why) } } @else { span.quiet { (self.why) } } }
                div.wide { table style=(format!("--lanes:{}", columns + 1)) {
                    thead { tr {
                        th.n scope="col" { "Time" }
                        th.n scope="col" { span.quiet { "after" } }
                        @for (lane, ran) in self.rans.iter().enumerate() { th.lane scope="col" {
                            (if columns == 1 { "UE · gNB".to_owned() } else { format!("UE · gNB {}", lane + 1) }) br; span.quiet { (ran) }
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
        self.messages.first().map(|message| cut(&message.core)).unwrap_or_default()
    }

    /// One message: an arrow from its RAN end to the core, or back, over the lifelines between.
    fn rung(&self, message: &CallFlowMessage, at: f64, before: Option<f64>) -> Markup {
        let ran = end(message);
        let lane = self.rans.iter().position(|known| *known == ran).unwrap_or(self.rans.len() - 1);
        let uplink = message.uplink;
        let name = some(&message.name).unwrap_or_else(|| "message".to_owned());
        let comment = some(&message.comment);
        let between = self.rans.len() - lane;
        html! {
            tr class=(if comment.is_some() { "begins" } else { "" }) {
                td.n { (clock(at)) }
                td.n.quiet { @if let Some(before) = before { (after(at - before)) } }
                @for _ in 0..lane { td.lane {} }
                td.rung colspan=(between + 1) style=(format!("--between:{between}")) {
                    @if let Some(comment) = &comment { span.comment { (comment) } }
                    span.what { (name) }
                    i class=(if uplink { "arrow up" } else { "arrow down" }) aria-label=(if uplink { "to the AMF" } else { "to the gNB" }) {}
                }
            }
        }
    }
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

const MOST_LIVES: usize = 40;
const MOST_MESSAGES: usize = 160;
const MOST_RANS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_at_two_gnbs_has_a_lane_for_each() {
        let message = |at_us, uplink, ran: &str, name: &str| CallFlowMessage {
            at_us,
            uplink,
            ran: ran.to_owned(),
            core: "10.0.0.9:38412".to_owned(),
            name: name.to_owned(),
            comment: String::new(),
        };
        let flow = CallFlow {
            imsi: "001010000000001".to_owned(),
            why: "sampled".to_owned(),
            failed: false,
            left_out: 3,
            messages: vec![
                message(1_000_000, true, "10.0.0.1:1", "HandoverRequired"),
                message(1_004_500, false, "10.0.0.2:1", "HandoverRequest"),
                message(1_009_000, false, "10.0.0.1:1", "HandoverCommand"),
            ],
        };
        let life = Life::of(&flow).unwrap();
        assert_eq!(life.rans, ["10.0.0.1:1", "10.0.0.2:1"]);
        let page = life.draw(0).into_string();
        assert!(
            page.contains("UE · gNB 2") && page.contains("+4.5 ms") && page.contains("3 more messages"),
            "{page}"
        );
        assert!(Life::of(&CallFlow::default()).is_none());
    }
}
