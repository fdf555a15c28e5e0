//! Files for people: tariff, rules, mapping. Errors name file, line and column.

use serde::de::DeserializeOwned;

/// Reads a file's text; the error begins with `file:line:column`.
pub(crate) fn read<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, String> {
    if text.len() > LARGEST {
        return Err(format!("{file}: {} octets are too many: at most {LARGEST} are accepted", text.len()));
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
        let text = error.without_snippet().to_string();
        format!("{file}{place}: {text}")
    })
}

/// 1 MiB.
const LARGEST: usize = 1 << 20;
