#![no_main]
//! A run folder that somebody has changed: its report is rendered, and it is compared with itself.

use serde_json::Value;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // summary.json, a line of timeline.ndjson, one of ladders.ndjson, and histograms.hlog, with an octet 0 between them.
    let mut files = input.splitn(4, |octet| *octet == 0);
    let mut file = || files.next().unwrap_or_default();
    let (summary, timeline, ladder, hlog) = (file(), file(), file(), file());
    let Ok(value) = serde_json::from_slice::<Value>(summary) else { return };
    let lines = |text| serde_json::from_slice::<Value>(text).into_iter().collect::<Vec<_>>();
    let page = report::render(&value, &lines(timeline), &lines(ladder));
    assert!(page.ends_with("</html>") || page.contains("</html>"));
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, octets: &[u8]| std::fs::write(folder.path().join(name), octets).expect("room for it");
    write("summary.json", summary);
    write("timeline.ndjson", timeline);
    write("histograms.hlog", hlog);
    let _ = coordinator::control::verdict_of(folder.path());
    let _ = report::compare_runs(folder.path(), folder.path(), &statistics::Settings::default(), true);
});
