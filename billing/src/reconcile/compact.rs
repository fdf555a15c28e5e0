//! A record of either ledger in 96 octets, or 112 where charging identifiers are no numbers; nothing of it on the heap: what is
//! sorted, spilled and compared.

use identity::{Imsi, Plmn, SessionId};

use super::names::{FinalNames, LocalNames, Names};
use crate::csv::{Column, FieldError, Row, network_identifier};
use crate::{ChargingId, ChargingName, Closing, Currency, Money, Octets};

/// A record of either ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compact {
    /// The IMSI's value and number of digits: sorts like the subscriber.
    pub(super) supi: u64,
    /// `None` where a foreign ledger doesn't say.
    pub(super) opened_us: Option<u64>,
    pub(super) from_us: u64,
    pub(super) to_us: u64,
    pub(super) uplink: u64,
    pub(super) downlink: u64,
    /// When it was recorded; of usage when it ended.
    pub(super) recorded_us: u64,
    /// T-PDUs that went missing: of usage those to the UE, of charging those from it.
    pub(super) lost: u64,
    pub(super) amount: Money,
    pub(super) charging_id: Option<ChargingName>,
    /// `None` where a foreign ledger doesn't say.
    pub(super) sequence: Option<u32>,
    pub(super) serving: Plmn,
    pub(super) dnn: u16,
    pub(super) rate: u16,
    pub(super) currency: Option<Currency>,
    pub(super) closing: Closing,
    pub(super) session: u8,
}

/// Whether a network is the home of a subscriber: whether the IMSI begins with it (TS 23.003 §2.2).
pub(super) fn is_home(plmn: Plmn, supi: u64) -> bool {
    let [a, b, c] = plmn.octets().map(u64::from);
    let mut prefix = (a & 0xf) * 10_000 + (a >> 4) * 1_000 + (b & 0xf) * 100 + (c & 0xf) * 10 + (c >> 4);
    let mut length = 5;
    if b >> 4 != 0xf {
        (prefix, length) = (prefix * 10 + (b >> 4), 6);
    }
    let (value, digits) = (supi >> 4, u32::try_from(supi & 0xf).unwrap_or_default());
    digits >= length && value / 10u64.pow(digits - length) == prefix
}

impl Compact {
    pub(super) fn from_row(row: &Row<'_>, names: &Names, local: &mut LocalNames) -> Result<Self, FieldError> {
        let dnn = local
            .dnn(names, network_identifier(row.dnn))
            .map_err(|message| FieldError::new(Column::Dnn, message))?;
        let rate = local.rate(names, &row.rate).map_err(|message| FieldError::new(Column::Rate, message))?;
        Ok(Self {
            supi: Self::supi_of(row.supi),
            opened_us: row.opened_us,
            from_us: row.from_us,
            to_us: row.to_us,
            uplink: row.uplink.0,
            downlink: row.downlink.0,
            recorded_us: row.recorded_us,
            lost: row.lost(),
            amount: row.amount,
            charging_id: row.charging_id,
            sequence: row.sequence,
            serving: row.serving,
            dnn,
            rate,
            currency: row.currency.filter(|currency| *currency != Currency::NONE),
            closing: row.closing,
            session: row.session.value(),
        })
    }

    /// Both directions together.
    pub(super) fn volume(&self) -> Octets {
        Octets(self.uplink.saturating_add(self.downlink))
    }

    /// What tells it from another record of the same session; the same for a copy of it.
    pub(super) fn content(&self) -> (Option<u32>, u64, u64, Plmn, u64, u64, u16, Money) {
        (
            self.sequence,
            self.from_us,
            self.to_us,
            self.serving,
            self.uplink,
            self.downlink,
            self.rate,
            self.amount,
        )
    }

    /// Where nothing else does, this orders records.
    pub(super) fn rest(&self) -> (u64, u64, u16, u16, Closing, Option<Currency>) {
        (self.recorded_us, self.lost, self.dnn, self.rate, self.closing, self.currency)
    }

    pub(super) fn supi_of(imsi: Imsi) -> u64 {
        imsi.value() << 4 | u64::try_from(imsi.digits()).unwrap_or_default()
    }

    pub(super) fn imsi(supi: u64) -> Option<Imsi> {
        let digits = usize::try_from(supi & 0xf).ok()?;
        format!("{:0digits$}", supi >> 4).parse().ok()
    }

    pub(super) fn session_id(&self) -> Option<SessionId> {
        SessionId::new(self.session)
    }

    /// Into a spill file. Absent values have a flag each. The first [`SHORT`] octets are all where its charging identifier is a
    /// number, or there is none.
    pub(super) fn encode(&self) -> [u8; ENCODED] {
        let mut octets = [0; ENCODED];
        let [x, y, z] = self.serving.octets();
        let words = [
            self.supi,
            self.opened_us.unwrap_or_default(),
            self.from_us,
            self.to_us,
            self.uplink,
            self.downlink,
            self.recorded_us,
            self.lost,
            self.amount.micros().cast_unsigned(),
            u64::from(self.number()) << 32 | u64::from(self.sequence.unwrap_or(0)),
            u64::from(x) << 48
                | u64::from(y) << 40
                | u64::from(z) << 32
                | u64::from(self.dnn) << 16
                | u64::from(self.rate),
        ];
        for (into, word) in octets.chunks_exact_mut(8).zip(words) {
            into.copy_from_slice(&word.to_le_bytes());
        }
        let flags = u8::from(self.opened_us.is_some())
            | u8::from(self.charging_id.is_some()) << 1
            | u8::from(self.sequence.is_some()) << 2
            | u8::from(self.currency.is_some()) << 3;
        let [a, b, c] = self.currency.unwrap_or(Currency::NONE).octets();
        let (kind, length, value) = self.charging_id.map_or((0, 0, 0), ChargingName::parts);
        octets[88..96].copy_from_slice(&[flags, self.session, self.closing as u8, a, b, c, kind, length]);
        octets[96..].copy_from_slice(&value.to_le_bytes());
        octets
    }

    /// Whether [`SHORT`] octets hold all of it.
    pub(super) fn is_short(&self) -> bool {
        self.charging_id.is_none_or(|name| name.number().is_some())
    }

    /// Its charging identifier, where that is a number.
    fn number(&self) -> u32 {
        self.charging_id.and_then(ChargingName::number).map_or(0, |id| id.0)
    }

    /// From a spill file, [`SHORT`] octets or [`ENCODED`], with the final numbers of its names.
    pub(super) fn decode(octets: &[u8], names: &FinalNames) -> Option<Self> {
        let mut words = [0; 11];
        for (word, octets) in words.iter_mut().zip(octets.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*octets);
        }
        let [supi, opened_us, from_us, to_us, uplink, downlink, recorded_us, lost, amount, numbers, named] =
            words;
        let (head, value) = octets.get(88..)?.split_first_chunk()?;
        let [flags, session, closing, a, b, c, kind, length] = *head;
        let [_, x, y, z, ..] = named.to_be_bytes();
        let [_, _, dnn, rate] = sixteens(named);
        let [number, sequence] = halves(numbers);
        let charging_id = match kind {
            ChargingName::NUMBER => Some(ChargingId(number).into()),
            _ => ChargingName::from_parts((kind, length, u128::from_le_bytes(value.try_into().ok()?))),
        };
        Some(Self {
            supi,
            opened_us: (flags & 1 != 0).then_some(opened_us),
            from_us,
            to_us,
            uplink,
            downlink,
            recorded_us,
            lost,
            amount: Money::from_micros(amount.cast_signed()),
            charging_id: charging_id.filter(|_| flags & 2 != 0),
            sequence: (flags & 4 != 0).then_some(sequence),
            serving: Plmn::from_octets([x, y, z])?,
            dnn: names.dnn_rank(dnn),
            rate: names.rate_rank(rate),
            currency: (flags & 8 != 0).then(|| Currency::from_octets([a, b, c])),
            closing: Closing::ALL.get(usize::from(closing)).copied().unwrap_or(Closing::Released),
            session,
        })
    }
}

fn halves(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_be_bytes();
    [[a, b, c, d], [e, f, g, h]].map(u32::from_be_bytes)
}

fn sixteens(word: u64) -> [u16; 4] {
    let [a, b, c, d, e, f, g, h] = word.to_be_bytes();
    [[a, b], [c, d], [e, f], [g, h]].map(u16::from_be_bytes)
}

/// Octets of an encoded record, whatever its charging identifier.
pub(super) const ENCODED: usize = 112;
/// Octets of one whose charging identifier is a number, as in ledgers of ours.
pub(super) const SHORT: usize = 96;
