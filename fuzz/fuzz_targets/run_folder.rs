#![no_main]
//! A run folder that somebody has changed: its report is rendered, and it is compared with itself.

use results::{CallFlow, Interval, Summary};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // summary.json, a line of timeline.ndjson, one of ladders.ndjson, and histograms.hlog, with an octet 0 between them.
    let mut files = input.splitn(4, |octet| *octet == 0);
    let mut file = || files.next().unwrap_or_default();
    let (summary, timeline, ladder, hlog) = (file(), file(), file(), file());
    let Ok(of_run) = serde_json::from_slice::<Summary>(summary) else { return };
    let intervals: Vec<Interval> = serde_json::from_slice(timeline).into_iter().collect();
    let call_flows: Vec<CallFlow> = serde_json::from_slice(ladder).into_iter().collect();
    let page = report::render(&of_run, &intervals, &call_flows, report::Besides::default());
    assert!(page.ends_with("</html>") || page.contains("</html>"));
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, octets: &[u8]| std::fs::write(folder.path().join(name), octets).expect("room for it");
    write("summary.json", summary);
    write("timeline.ndjson", timeline);
    write("ladders.ndjson", ladder);
    write("histograms.hlog", hlog);
    let _ = report::render_report(folder.path());
    let _ = coordinator::control::verdict_of(folder.path());
    let _ = report::compare_runs(folder.path(), folder.path(), &statistics::Settings::default(), true);
});
