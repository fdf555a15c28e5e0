//! How foreign systems write subscribers, networks and data networks.

use identity::Imsi;

use super::number::digits;

/// `imsi-001010000000001` (TS 23.003 §2.2A), a NAI such as `0001010000000001@nai.epc.mnc001.mcc001.3gppnetwork.org` (§19.3.2)
/// whose first digit says how to authenticate, and what a spreadsheet makes of a number, `1010000000001.0`.
pub(crate) fn imsi(text: &str) -> Option<Imsi> {
    let text = match text.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("imsi-") || scheme.eq_ignore_ascii_case("imsi:") => {
            &text[5..]
        }
        _ => text,
    };
    let text = match text.split_once('@') {
        Some((user, realm)) if realm.contains("3gppnetwork.org") && user.len() == 16 => user.get(1..)?,
        Some((user, _)) => user,
        None => text,
    };
    let text = text.strip_suffix(".0").or_else(|| text.strip_suffix(",0")).unwrap_or(text);
    text.parse().ok()
}

/// A PLMN as MCC and MNC with a slash between them: from `00101`, `001-01`, `001 01`, `001.01`, or in the nibbles of TS 24.008
/// §10.5.1.3 (`00f110`), or of their digits in order (`001f01`).
pub(crate) fn plmn(text: &str) -> Option<String> {
    let joined = |mcc: &str, mnc: &str| {
        let fits = mcc.len() == 3 && matches!(mnc.len(), 2 | 3);
        (fits && digits(mcc).is_some() && digits(mnc).is_some()).then(|| format!("{mcc}/{mnc}"))
    };
    if let Some((mcc, mnc)) = text.split_once(['-', ' ', '.', '_', ':']) {
        return joined(mcc, mnc);
    }
    let nibbles: Vec<char> = text.strip_prefix("0x").unwrap_or(text).to_ascii_lowercase().chars().collect();
    let of = |places: &[usize]| -> Option<String> {
        let digit = |n: &usize| nibbles.get(*n).copied().filter(char::is_ascii_digit);
        places.iter().map(digit).collect()
    };
    match (nibbles.len(), nibbles.iter().position(|nibble| *nibble == 'f')) {
        (5 | 6, None) => joined(text.get(..3)?, text.get(3..)?),
        (6, Some(2)) => joined(&of(&[1, 0, 3])?, &of(&[5, 4])?),
        (6, Some(3)) => joined(&of(&[0, 1, 2])?, &of(&[4, 5])?),
        // The leading zero was lost: of the second digit of the MCC, or, last digit first, of the MNC. No MCC begins with 1.
        (5, Some(1)) => {
            let mcc = format!("{}0{}", of(&[0])?, of(&[2])?);
            if mcc.starts_with('1') {
                return joined(&of(&[4, 3, 2])?, &format!("0{}", of(&[0])?));
            }
            joined(&mcc, &of(&[4, 3])?)
        }
        _ => None,
    }
}

/// An APN without its operator identifier (TS 23.003 §9.1): `internet.mnc001.mcc001.gprs` is `internet`.
pub(crate) fn network_identifier(dnn: &str) -> &str {
    let is = |label: &str, name: &str| {
        label.len() == 6
            && label.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case(name))
            && label.get(3..).and_then(digits).is_some()
    };
    let mut labels = dnn.rsplitn(4, '.');
    match (labels.next(), labels.next(), labels.next(), labels.next()) {
        (Some(gprs), Some(mcc), Some(mnc), Some(network))
            if gprs.eq_ignore_ascii_case("gprs") && is(mcc, "mcc") && is(mnc, "mnc") =>
        {
            network
        }
        _ => dnn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_are_read_in_each_form() {
        let expected = "001010000000001".parse().ok();
        for text in [
            "001010000000001",
            "imsi-001010000000001",
            "IMSI-001010000000001",
            "0001010000000001@nai.epc.mnc001.mcc001.3gppnetwork.org",
            "001010000000001@ims.mnc001.mcc001.3gppnetwork.org",
            "001010000000001.0",
        ] {
            assert_eq!(imsi(text), expected, "{text}");
        }
        for text in ["", "imsi-", "1.01E+13", "äöüäö1", "imsi-00101000000000x"] {
            assert_eq!(imsi(text), None, "{text}");
        }
    }

    #[test]
    fn networks_are_read_in_each_form() {
        for (text, expected) in [
            ("00101", "001/01"),
            ("001-01", "001/01"),
            ("001 01", "001/01"),
            ("001.01", "001/01"),
            ("310410", "310/410"),
            ("310-410", "310/410"),
            ("00f110", "001/01"),
            ("00F110", "001/01"),
            ("0x00f110", "001/01"),
            ("001f01", "001/01"),
            ("1f100", "001/01"),
            ("62f220", "262/02"),
            ("2f810", "208/01"),
        ] {
            assert_eq!(plmn(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "0010", "1", "ffffff", "00-101", "001-1", "00f1f0", "0010101", "ä"] {
            assert_eq!(plmn(text), None, "{text}");
        }
    }

    #[test]
    fn an_operator_identifier_is_taken_off() {
        for (text, expected) in [
            ("internet", "internet"),
            ("internet.mnc001.mcc001.gprs", "internet"),
            ("corp.example.MNC410.MCC310.GPRS", "corp.example"),
            ("internet.mnc01.mcc001.gprs", "internet.mnc01.mcc001.gprs"),
            ("mnc001.mcc001.gprs", "mnc001.mcc001.gprs"),
            ("gprs", "gprs"),
        ] {
            assert_eq!(network_identifier(text), expected);
        }
    }
}
