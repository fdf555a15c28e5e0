use super::*;
use signalling::{Cause, Outcome};
use wire::to_coordinator::ProcedureInterval;

fn at(now: Instant) -> Begin {
    Begin { due: now, now, parts: PartSet::default(), answered: true, scheduled: false }
}

fn scheduled(due: Instant) -> Begin {
    Begin { scheduled: true, ..at(due) }
}

/// What one registration ended as.
fn recorded(answered: bool, discarded: Option<&'static str>, end: &End) -> ProcedureInterval {
    let (mut attempts, mut recorder, now) = (Attempts::new(), Recorder::new(Duration::ZERO), Instant::now());
    attempts.begin(1, Procedure::Registration, Begin { answered, ..at(now) }, &mut recorder);
    if let Some(kind) = discarded {
        attempts.discarded(1, kind);
    }
    assert!(attempts.end(1, Procedure::Registration, end, now, &mut recorder));
    recorder.take().0.remove(0)
}

#[test]
fn what_a_ue_keeps_back_itself_is_abandoned_and_no_failure() {
    let barred = End::from(Outcome::Failed(Cause::Barred));
    let ended = recorded(true, None, &barred);
    assert_eq!((ended.failed, ended.abandoned), (vec![], vec![("barred".to_owned(), 1)]));
}

/// Neither its success nor its failure says anything of the target, and its latency is the generator's.
#[test]
fn what_was_under_way_in_a_standstill_is_abandoned_however_it_ends() {
    for end in [End::Succeeded, End::Failed("congestion".to_owned()), End::TimedOut("T3510".to_owned())] {
        let (mut attempts, mut recorder, now) =
            (Attempts::new(), Recorder::new(Duration::ZERO), Instant::now());
        attempts.begin(1, Procedure::Registration, at(now), &mut recorder);
        assert_eq!((attempts.disturb(), attempts.disturb()), (1, 0));
        attempts.begin(2, Procedure::Registration, at(now), &mut recorder);
        for ue in [1, 2] {
            assert!(attempts.end(ue, Procedure::Registration, &end, now, &mut recorder));
        }
        let ended = recorder.take().0.remove(0);
        assert_eq!(ended.abandoned, [("agent-stood-still".to_owned(), 1)], "{end:?}");
        let others =
            [&ended.failed, &ended.timed_out].map(|causes| causes.iter().map(|(_, n)| n).sum::<u64>());
        assert_eq!(ended.succeeded + others.iter().sum::<u64>(), 1, "{end:?}");
    }
}

#[test]
fn what_nobody_answers_has_no_latency() {
    let ended = recorded(false, None, &End::Succeeded);
    assert_eq!((ended.succeeded, ended.unanswered), (1, 1));
    assert!(ended.latency_v2.is_empty() && ended.service_v2.is_empty());
}

#[test]
fn a_release_names_the_answer_that_was_discarded_before_it_and_a_reject_stands_for_itself() {
    let cause = |end: &End| recorded(true, Some("nas-integrity"), end);
    let released = cause(&End::Failed("connection-released".to_owned()));
    assert_eq!(released.failed, [("connection-released (nas-integrity)".to_owned(), 1)]);
    assert_eq!(
        cause(&End::TimedOut("T3510".to_owned())).timed_out,
        [("T3510 (nas-integrity)".to_owned(), 1)]
    );
    assert_eq!(cause(&End::Failed("illegal-ue".to_owned())).failed, [("illegal-ue".to_owned(), 1)]);
    let plain = recorded(true, None, &End::Failed("connection-released".to_owned()));
    assert_eq!(plain.failed, [("connection-released".to_owned(), 1)]);
}

#[test]
fn an_update_during_a_handover_does_not_supersede_it() {
    let (mut attempts, mut recorder, now) = (Attempts::new(), Recorder::new(Duration::ZERO), Instant::now());
    attempts.begin(1, Procedure::HandoverN2, at(now), &mut recorder);
    attempts.begin(1, Procedure::MobilityRegistrationUpdate, at(now), &mut recorder);
    assert_eq!(attempts.len(), 2);
    for procedure in [Procedure::MobilityRegistrationUpdate, Procedure::HandoverN2] {
        assert!(attempts.end(1, procedure, &End::Succeeded, now, &mut recorder));
        assert!(!attempts.end(1, procedure, &End::Succeeded, now, &mut recorder), "it ends once");
    }
    assert!(!attempts.contains(1));
}

/// What the report has of a procedure: lateness and service time, one attempt each.
fn measured(recorder: &mut Recorder) -> (Vec<u64>, Vec<u64>) {
    let (procedures, _) = recorder.take();
    let read = |octets: &[u8]| {
        if octets.is_empty() {
            return Vec::new();
        }
        let mut deserializer = hdrhistogram::serialization::Deserializer::new();
        let histogram: hdrhistogram::Histogram<u64> = deserializer.deserialize(&mut &octets[..]).unwrap();
        histogram.iter_recorded().map(|value| value.value_iterated_to()).collect()
    };
    let all = |of: fn(&ProcedureInterval) -> &[u8]| {
        procedures.iter().flat_map(|procedure| read(of(procedure))).collect()
    };
    (all(|procedure| &procedure.lateness_v2), all(|procedure| &procedure.service_v2))
}

#[test]
fn what_a_first_message_waits_for_here_is_lateness_and_no_service_time() {
    let (mut attempts, mut recorder, due) = (Attempts::new(), Recorder::new(Duration::ZERO), Instant::now());
    let ms = Duration::from_millis;
    // Two late when it began, 96 more in the queue, after 5 in the air that belong to the UE's radio.
    attempts.begin(
        1,
        Procedure::Registration,
        Begin { due, now: due + ms(2), ..scheduled(due) },
        &mut recorder,
    );
    let first = attempts.speaks(1, due + ms(7)).unwrap();
    assert_eq!(attempts.speaks(1, due + ms(8)), None, "only the first");
    attempts.left(first, due + ms(103), &mut recorder);
    attempts.end(1, Procedure::Registration, &End::Succeeded, due + ms(110), &mut recorder);
    let near = |values: &[u64], ms: u64| values.len() == 1 && values[0].abs_diff(ms * 1_000) < 100;
    let (lateness, service) = measured(&mut recorder);
    assert!(near(&lateness, 98) && near(&service, 12), "{lateness:?} {service:?}");
}

#[test]
fn lateness_is_recorded_once_whatever_becomes_of_an_attempt() {
    let now = Instant::now();
    let begun = |recorder: &mut Recorder| {
        let mut attempts = Attempts::new();
        attempts.begin(1, Procedure::Registration, scheduled(now), recorder);
        attempts
    };
    type Fate = fn(&mut Attempts, Instant, &mut Recorder);
    let fates: [Fate; 6] = [
        |attempts, now, recorder| {
            attempts.end(1, Procedure::Registration, &End::Succeeded, now, recorder);
        },
        |attempts, _, recorder| attempts.drop_of(1, Some(Performer::Ue), "gone", recorder),
        |attempts, _, recorder| attempts.drop_of(1, None, "gone", recorder),
        |attempts, _, recorder| drop(attempts.abandon_all(|_| "gone".to_owned(), recorder)),
        |attempts, now, recorder| {
            attempts.begin(1, Procedure::Registration, at(now), recorder);
        },
        |attempts, now, recorder| {
            let first = attempts.speaks(1, now).unwrap();
            attempts.record_lateness(recorder);
            attempts.left(first, now, recorder);
            attempts.end(1, Procedure::Registration, &End::Succeeded, now, recorder);
        },
    ];
    for (number, fate) in fates.into_iter().enumerate() {
        let mut recorder = Recorder::new(Duration::ZERO);
        let mut attempts = begun(&mut recorder);
        fate(&mut attempts, now, &mut recorder);
        attempts.record_lateness(&mut recorder);
        assert_eq!(measured(&mut recorder).0.len(), 1, "fate {number}");
    }
}
