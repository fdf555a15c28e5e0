//! Pages as a browser shows them: axe-core finds nothing, at the widths of a desk and of a phone, light and dark; and what a
//! keyboard does. Chromium and axe-core are installed by `scripts/setup`.

use std::path::{Path, PathBuf};
use std::process::Command;

use oracles::skipped;
use serde_json::Value;

use super::roaming::roaming;
use super::tests::{page, page_of};
use super::{capacity, comparison, samples};

/// Pages with everything that a page can have.
fn pages() -> Vec<(&'static str, String)> {
    let run = roaming();
    vec![
        ("pass", page(&samples::pass())),
        ("fail", page(&samples::fail())),
        ("invalid", page(&samples::invalid())),
        ("gap", page(&samples::gap())),
        ("empty", page(&samples::empty())),
        ("roaming", page_of(&run.summary, &run.timeline, &run.ladders)),
        ("capacity", capacity::render(&capacity::tests::search())),
        ("compare", comparison::render(&comparison::tests::compared())),
    ]
}

#[test]
fn axe_finds_nothing_on_any_page_at_either_width_in_either_scheme() {
    let Some(axe) = axe() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, page) in pages() {
        let inside =
            page.replace("</body>", &format!("<script>{axe}</script><script>{INSIDE}</script></body>"));
        std::fs::write(folder.path().join(format!("{name}.html")), inside).unwrap();
        let outside = OUTSIDE.replace("NAME", name);
        let outer = folder.path().join(format!("{name}-outside.html"));
        std::fs::write(&outer, outside).unwrap();
        for scheme in ["light", "dark"] {
            let Some(found) = found(&outer, scheme, folder.path()) else { return };
            let widths: Vec<u64> = found.iter().map(|of| of["width"].as_u64().unwrap()).collect();
            assert_eq!(widths, [400, 1400], "{name} {scheme}: {found:?}");
            for of in &found {
                assert_eq!(of["dark"], scheme == "dark", "{name}");
                assert_eq!(of["violations"], serde_json::json!([]), "{name} {scheme} {}", of["width"]);
                assert_eq!(of["keyboard"], serde_json::json!([]), "{name} {scheme} {}", of["width"]);
                assert_eq!(of["wider"], 0, "{name} {scheme}: the page is wider than its window");
            }
        }
    }
}

/// The source of axe-core, where it is installed.
fn axe() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = root.join("target/npm/node_modules/axe-core/axe.min.js");
    match std::fs::read_to_string(&path) {
        Ok(source) => Some(source),
        Err(error) => {
            skipped("axe", format!("{}: {error}; scripts/setup installs it", path.display()));
            None
        }
    }
}

/// What the page found in its two widths, the narrower first.
fn found(page: &Path, scheme: &str, folder: &Path) -> Option<Vec<Value>> {
    let profile: PathBuf = folder.join("profile");
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]);
    browser.args(["--window-size=1900,1000", "--virtual-time-budget=60000", "--dump-dom"]);
    if scheme == "dark" {
        browser.arg("--force-dark-mode");
    }
    browser.arg(format!("--user-data-dir={}", profile.display()));
    let output = match browser.arg(format!("file://{}", page.display())).output() {
        Ok(output) => output,
        Err(error) => {
            skipped("chromium", error);
            return None;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let json = text.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let json = json.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)));
    let json = json.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let mut found: Vec<Value> = json.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    found.sort_by_key(|of| of["width"].as_u64());
    Some(found)
}

/// Two frames, of the width of a phone and of a desk, and what they tell.
const OUTSIDE: &str = "<!doctype html><title>pages</title><pre id=\"found\"></pre>\
    <iframe src=\"NAME.html\" style=\"width:400px;height:900px;border:0\"></iframe>\
    <iframe src=\"NAME.html\" style=\"width:1400px;height:900px;border:0\"></iframe>\
    <script>addEventListener('message', (event) => { document.getElementById('found').textContent += event.data + '\\n'; });</script>";

/// Opens what is folded, reads the page with axe, and does what a keyboard does.
const INSIDE: &str = include_str!("browser_tests.js");
