//! What is committed is there after any end of the process, and what is not there is never said to be.

use std::io::{Seek as _, SeekFrom, Write as _};

use super::*;

fn records(from: u64, to: u64) -> Vec<Record> {
    (from..to).map(|n| Record::Warned(format!("record {n}"))).collect()
}

fn open(path: &Path) -> Result<Stored<Vec<u64>>, StoreError> {
    let (store, settings) = SqliteStore::open::<String>(path)?;
    assert_eq!(settings, "told");
    store.load()
}

fn store(folder: &tempfile::TempDir) -> (PathBuf, SqliteStore) {
    let path = folder.path().join("journal.sqlite");
    let store = SqliteStore::create(&path, &"told").unwrap();
    (path, store)
}

/// The files as they are on the disk now: what a process that is killed leaves, without its lock.
fn killed(path: &Path, to: &Path) -> PathBuf {
    let copy = to.join("journal.sqlite");
    std::fs::copy(path, &copy).unwrap();
    let _ = std::fs::copy(with_suffix(path, "-wal"), with_suffix(&copy, "-wal"));
    copy
}

#[test]
fn committed_records_are_there_in_order_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut store) = store(&folder);
    store.commit(&records(0, 3)).unwrap();
    store.commit(&records(3, 10)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let stored = open(&killed(&path, elsewhere.path())).unwrap();
    assert_eq!((stored.checkpoint, stored.records), (None, records(0, 10)));
}

#[test]
fn checkpoint_takes_the_place_of_what_was_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut store) = store(&folder);
    store.commit(&records(0, 5)).unwrap();
    store.checkpoint(&sealed(&vec![5u64]).unwrap()).unwrap();
    store.commit(&records(5, 7)).unwrap();
    drop(store);
    let stored = open(&path).unwrap();
    assert_eq!((stored.checkpoint, stored.records), (Some(vec![5]), records(5, 7)));
}

#[test]
fn disk_does_not_grow_with_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let (_, mut store) = store(&folder);
    let mut sizes = Vec::new();
    for round in 0..30 {
        for group in 0..20 {
            store.commit(&records(round * 2000 + group * 100, round * 2000 + (group + 1) * 100)).unwrap();
        }
        store.checkpoint(&sealed(&vec![round; 1000]).unwrap()).unwrap();
        sizes.push(store.octets());
    }
    let (early, late) = (sizes[19], sizes[29]);
    assert!(late <= early + early / 10, "{sizes:?}");
}

#[test]
fn second_coordinator_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = store(&folder);
    let refused = open(&path).unwrap_err().to_string();
    assert!(refused.contains("another coordinator has this run"), "{refused}");
    drop(store);
    open(&path).unwrap();
}

#[test]
fn damaged_file_is_refused_with_its_name_and_nothing_of_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut store) = store(&folder);
    for n in 0..200 {
        store.commit(&records(n * 50, n * 50 + 50)).unwrap();
    }
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    let mut refused = 0;
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let damaged = folder.path().join(format!("damaged-{at}.sqlite"));
        std::fs::write(&damaged, &whole).unwrap();
        let mut file = File::options().write(true).open(&damaged).unwrap();
        file.seek(SeekFrom::Start(at as u64)).unwrap();
        file.write_all(&whole[at..(at + 16).min(whole.len())].iter().map(|octet| !octet).collect::<Vec<_>>())
            .unwrap();
        match SqliteStore::open::<String>(&damaged).and_then(|(store, _)| store.load::<Vec<u64>>()) {
            // Damage in space that nothing uses harms nothing.
            Ok(stored) => assert_eq!(stored.records, records(0, 10_000), "damaged at {at}"),
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("damaged-"), "{error}");
            }
        }
    }
    assert!(refused > 30, "{refused}");
}

#[test]
fn what_is_no_store_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let missing = open(&path).unwrap_err().to_string();
    assert!(missing.contains("verdict already"), "{missing}");
    std::fs::write(&path, vec![b'x'; 10_000]).unwrap();
    let foreign = open(&path).unwrap_err().to_string();
    assert!(foreign.contains("damaged"), "{foreign}");
}

#[test]
fn store_of_another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = store(&folder);
    store.connection.pragma_update(None, "user_version", FORMAT + 1).unwrap();
    drop(store);
    let refused = open(&path).unwrap_err().to_string();
    assert!(refused.contains("another version"), "{refused}");
}

/// A disk that is full: SQLite is told to take no more pages. What was acknowledged before stays, what fails is not there, and
/// it can go on when there is room again.
#[test]
fn full_disk_fails_the_commit_and_loses_nothing_that_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut store) = store(&folder);
    store.commit(&records(0, 10)).unwrap();
    let pages: i64 = store.read("PRAGMA page_count", |row| row.get(0)).unwrap().unwrap();
    store.connection.pragma_update(None, "max_page_count", pages + 2).unwrap();
    let failed = store.commit(&records(10, 20_000)).unwrap_err().to_string();
    assert!(failed.contains("the disk is full"), "{failed}");
    store.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    store.commit(&records(10, 12)).unwrap();
    drop(store);
    assert_eq!(open(&path).unwrap().records, records(0, 12));
}

#[test]
fn finished_run_leaves_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut store) = store(&folder);
    store.commit(&records(0, 10)).unwrap();
    store.finish().unwrap();
    drop(store);
    assert!(!path.exists() && std::fs::read_dir(folder.path()).unwrap().count() == 0);
}

#[test]
fn removal_of_what_only_the_numbers_know_is_noticed() {
    // What somebody takes away, and what the error names.
    for (change, named) in [
        ("DELETE FROM records WHERE number = (SELECT min(number) FROM records)", "group 3 "),
        ("DELETE FROM records WHERE number = (SELECT max(number) FROM records)", "groups 5 to 5"),
        ("DELETE FROM records", "groups 3 to 5"),
        ("DELETE FROM checkpoint", "or the checkpoint"),
        ("DELETE FROM checkpoint; DELETE FROM records", "groups 1 to 5"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut store) = store(&folder);
        store.commit(&records(0, 1)).unwrap();
        store.commit(&records(1, 2)).unwrap();
        store.checkpoint(&sealed(&vec![2u64]).unwrap()).unwrap();
        for n in 2..5 {
            store.commit(&records(n, n + 1)).unwrap();
        }
        store.connection.execute_batch(change).unwrap();
        drop(store);
        let refused = open(&path).map(|stored| stored.records.len()).unwrap_err().to_string();
        assert!(refused.contains(named) && refused.contains("damaged"), "{change}: {refused}");
    }
}

#[test]
fn store_is_its_owners_alone_and_nothing_behind_a_link() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (path, mut store) = store(&folder);
    store.commit(&records(0, 3)).unwrap();
    for suffix in ["", "-wal"] {
        let mode = with_suffix(&path, suffix).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{suffix}");
    }
    drop(store);
    let elsewhere = folder.path().join("elsewhere.sqlite");
    std::fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let refused = open(&path).map(|stored| stored.records.len()).unwrap_err().to_string();
    assert!(refused.contains("symbolic link"), "{refused}");
}
