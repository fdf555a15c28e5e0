//! The rate of a load over time, its integral Λ (attempts due until then) and the inverse of that.

use std::time::Duration;

use crate::{Load, Shape};

/// Pieces in which the rate is linear, in order and without gaps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    pieces: Vec<Piece>,
    total: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    /// Since the start of the run.
    starts: Duration,
    length: Duration,
    /// Seconds since the start of the run.
    starts_s: f64,
    length_s: f64,
    from_per_s: f64,
    to_per_s: f64,
    /// Λ at the start of the piece.
    due_before: f64,
}

impl Curve {
    pub(crate) fn new(load: &Load) -> Self {
        let mut curve = Self { pieces: Vec::new(), total: 0.0 };
        for (starts, phase) in load.played() {
            curve.push_shape(starts, &phase.shape);
        }
        curve
    }

    /// Λ at the end: the attempts, before rounding.
    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// From when to when the rate is above zero.
    pub(crate) fn busy_pieces(&self) -> Vec<(Duration, Duration)> {
        self.pieces.iter().map(|piece| (piece.starts, piece.starts.saturating_add(piece.length))).collect()
    }

    /// The attempts of the whole load.
    pub(crate) fn planned(&self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and Λ ≥ 0"
        )]
        let planned = self.total.round() as u64;
        planned
    }

    /// When Λ reaches `due`, 0 to `total`.
    pub(crate) fn when(&self, due: f64) -> Duration {
        let after = self.pieces.partition_point(|piece| piece.due_before <= due);
        let Some(piece) = after.checked_sub(1).and_then(|place| self.pieces.get(place)) else {
            return Duration::ZERO;
        };
        Duration::from_secs_f64(piece.starts_s + piece.seconds_until(due - piece.due_before))
    }

    fn push_shape(&mut self, starts: Duration, shape: &Shape) {
        match *shape {
            Shape::Constant { rate_per_s, for_ } => self.push(starts, for_, rate_per_s, rate_per_s),
            Shape::Ramp { from_per_s, to_per_s, for_ } => self.push(starts, for_, from_per_s, to_per_s),
            Shape::Steps { each, .. } => {
                for number in 0..shape.steps() {
                    let rate_per_s = shape.step_rate_per_s(number);
                    self.push(starts + each.saturating_mul(number), each, rate_per_s, rate_per_s);
                }
            }
            Shape::Spike { base_per_s, peak_per_s, after, lasts, for_ } => {
                let over = after + lasts;
                self.push(starts, after, base_per_s, base_per_s);
                self.push(starts + after, lasts, peak_per_s, peak_per_s);
                self.push(starts + over, for_.saturating_sub(over), base_per_s, base_per_s);
            }
            Shape::Hold { .. } => {}
        }
    }

    /// Pieces without arrivals are left out, so that Λ grows strictly and its inverse is unique.
    fn push(&mut self, starts: Duration, length: Duration, from_per_s: f64, to_per_s: f64) {
        let length_s = length.as_secs_f64();
        let area = length_s * (from_per_s + to_per_s) / 2.0;
        if area > 0.0 {
            let starts_s = starts.as_secs_f64();
            let due_before = self.total;
            self.pieces.push(Piece { starts, length, starts_s, length_s, from_per_s, to_per_s, due_before });
            self.total += area;
        }
    }
}

impl Piece {
    /// The time in which this piece makes `due` attempts due: from·t + slope·t²/2 = due, solved without cancellation.
    fn seconds_until(&self, due: f64) -> f64 {
        let slope = (self.to_per_s - self.from_per_s) / self.length_s;
        let root = (self.from_per_s * self.from_per_s + 2.0 * slope * due).max(0.0).sqrt();
        let divisor = self.from_per_s + root;
        if divisor > 0.0 { (2.0 * due / divisor).clamp(0.0, self.length_s) } else { 0.0 }
    }
}
