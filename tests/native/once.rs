//! A page starts an agent once: several recorders, merged calls, late responses, tabs, suspended machines, other organizations' tokens.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::*;
use premium_recorder::cloud::call::{CallError, CallOptions};
use premium_recorder::model::error::Code;
use premium_recorder::model::ids::RecordingId;
use premium_recorder::recorder::settings::Options;
use premium_recorder::recording::Recording;
use premium_recorder::recording::page_starts::PageStarts;
use premium_recorder::recording::start::Start;

/// What a simulated cloud knows, and how slow it is.
#[derive(Default)]
struct Slow {
    /// How long the answer to the start of this number takes, in milliseconds.
    starts_take: Vec<i64>,
    /// How long any other answer takes.
    reads_take: i64,
    /// Whether there is no list.
    has_no_list: bool,
    /// The status of what is read by its id, if the cloud refuses that.
    read_status: Option<u16>,
    stopped: RefCell<Vec<String>>,
    began: RefCell<Vec<String>>,
}

impl Slow {
    fn cloud(self, world: &World) -> Rc<Slow> {
        let this = Rc::new(self);
        let (cloud, clock) = (this.clone(), world.clone());
        world.respond_async(move |request| {
            let path = request.url.rsplit('/').next().unwrap_or_default().to_owned();
            let is_list = request.method == "GET" && path.starts_with("screenrecordings?");
            let (cloud, clock, method) = (cloud.clone(), clock.clone(), request.method.clone());
            if method == "POST" {
                let number = cloud.began.borrow().len();
                cloud.began.borrow_mut().push(format!("rec-{}", number + 1));
                let delay = cloud.starts_take.get(number).copied().unwrap_or_default();
                return Box::pin(async move {
                    World::sleep(&clock, delay).await;
                    Ok(created(&format!("rec-{}", number + 1)))
                });
            }
            Box::pin(async move {
                World::sleep(&clock, cloud.reads_take).await;
                if method == "PATCH" {
                    cloud.stopped.borrow_mut().push(path.clone());
                }
                let state = |id: &String| if cloud.stopped.borrow().contains(id) { "stopped" } else { "recording" };
                Ok(match is_list {
                    true if cloud.has_no_list => response(404, ""),
                    true => list(&cloud.began.borrow().iter().map(|id| entity(id, state(id), 0)).collect::<Vec<_>>()),
                    false if method == "GET" && cloud.read_status.is_some() => response(cloud.read_status.unwrap(), ""),
                    false => response(200, &entity(&path, state(&path), 0)),
                })
            })
        });
        this
    }

    /// The recordings that run.
    fn running(&self) -> Vec<String> {
        self.began.borrow().iter().filter(|id| !self.stopped.borrow().contains(id)).cloned().collect()
    }
}

/// `getToken` gives these tokens in turn, each after a second.
fn issue_in_turn(world: &World, tokens: Vec<String>) {
    let (tokens, clock) = (RefCell::new(tokens), world.clone());
    world.token_source(move |_| {
        let (token, slept) = (tokens.borrow_mut().remove(0), World::sleep(&clock, 1_000));
        Box::pin(async move {
            slept.await;
            Ok(issued_token(&token))
        })
    });
}

fn without_list() -> Options {
    with_contract(r#"{"list":null}"#)
}

fn rec_1() -> Result<String, Code> {
    Ok("rec-1".to_owned())
}

fn id_of(result: Result<Recording, CallError>) -> Result<String, Code> {
    match result {
        Ok(recording) => Ok(recording.id.as_str().to_owned()),
        Err(CallError::Error(error)) => Err(error.code),
        Err(CallError::Aborted) => panic!("the call was aborted"),
    }
}

/// The second recorder reads the recording that was left, and the third one waits for it.
#[test]
fn two_starts_after_one_that_was_left_get_its_recording() {
    run(async {
        let world = World::new();
        let cloud = Slow { starts_take: vec![1_000], reads_take: 50, has_no_list: true, ..Slow::default() }.cloud(&world);
        let page = PageStarts::default();
        let one = connect_in(&page, &world, without_list()).await;
        leave(&one).await;
        while_time_passes(&[&world], world.sleep(2_000)).await;
        world.run_spawned();
        let other = connect_in(&page, &world, without_list()).await;
        let both = while_time_passes(&[&world], join(record(&one, GLOBEX), record(&other, GLOBEX))).await;
        let ids = (id_of(both.0), id_of(both.1));
        assert_eq!((cloud.running().len(), ids), (1, (rec_1(), rec_1())));
    });
}

/// The call that is the next one is aborted while it reads what the start before it led to.
#[test]
fn a_start_behind_one_that_is_aborted_gets_the_recording_of_the_start_before_both() {
    run(async {
        let world = World::new();
        let cloud = Slow { starts_take: vec![1_000], reads_take: 1_000, has_no_list: true, ..Slow::default() }.cloud(&world);
        let page = PageStarts::default();
        let one = connect_in(&page, &world, without_list()).await;
        let two = connect_in(&page, &world, without_list()).await;
        let three = connect_in(&page, &world, without_list()).await;
        let second = aborted_when(world.sleep(1_500), async |options| two.start_recording(start_in(GLOBEX), options).await);
        let (first, second, third) = while_time_passes(&[&world], join3(record(&one, GLOBEX), second, record(&three, GLOBEX))).await;
        assert!(matches!(second, Err(CallError::Aborted)));
        assert_eq!((cloud.running().len(), id_of(first), id_of(third)), (1, rec_1(), rec_1()));
    });
}

/// Two components of a page connect and start the same agent at the same time. The second one's token takes longer than the first
/// one's start.
#[test]
fn a_start_whose_token_comes_late_gets_the_recording_that_another_recorder_of_the_page_has_started_meanwhile() {
    for contract in [r#"{"list":null}"#, "{}"] {
        run(async {
            let world = World::new();
            let cloud = Slow { starts_take: vec![1_000], has_no_list: true, ..Slow::default() }.cloud(&world);
            world.issue_after(|| 2_000);
            let page = PageStarts::default();
            let of = |tokens: &[&str]| Options { contract: json(contract).unwrap(), ..options(tokens) };
            let one = connect_in(&page, &world, of(&[&jwt_for(GLOBEX)])).await;
            let other = connect_in(&page, &world, of(&[])).await;
            let both = while_time_passes(&[&world], join(record(&one, GLOBEX), record(&other, GLOBEX))).await;
            let ids = (id_of(both.0), id_of(both.1));
            assert_eq!((cloud.running().len(), ids), (1, (rec_1(), rec_1())), "{contract}");
        });
    }
}

/// The same, but the token may not read recordings, or the API does not show the new one yet.
#[test]
fn a_start_whose_token_comes_late_does_not_start_again_what_the_api_does_not_let_it_read() {
    for status in [403, 404] {
        run(async {
            let world = World::new();
            let cloud = Slow { starts_take: vec![1_000], has_no_list: true, read_status: Some(status), ..Slow::default() }.cloud(&world);
            world.issue_after(|| 2_000);
            let page = PageStarts::default();
            let one = with_token_in(&page, &world).await;
            let other = connect_in(&page, &world, options(&[])).await;
            let both = while_time_passes(&[&world], join(record(&one, GLOBEX), record(&other, GLOBEX))).await;
            let is_running = both.1.as_ref().is_ok_and(|recording| recording.already_running);
            let ids = (id_of(both.0), id_of(both.1));
            assert_eq!((cloud.running().len(), ids, is_running), (1, (rec_1(), rec_1()), true), "{status}");
        });
    }
}

/// The page stops the recording before or after the response of its start, and the API lets it read nothing.
#[test]
fn a_start_that_waits_does_not_get_a_recording_that_the_page_has_stopped() {
    run(async {
        for delay in [500, 2_000] {
            let world = World::new();
            let cloud = Slow { starts_take: vec![delay], has_no_list: true, read_status: Some(403), ..Slow::default() }.cloud(&world);
            let page = PageStarts::default();
            let one = with_token_in(&page, &world).await;
            world.issue_after(|| 5_000);
            let other = connect_in(&page, &world, options(&[])).await;
            let stop = async {
                world.sleep(1_000).await;
                one.stop(&RecordingId::parse("rec-1").unwrap(), &org(GLOBEX), None, no_options()).await.unwrap();
            };
            let (first, waits, ()) =
                while_time_passes(&[&world], futures::future::join3(record(&one, GLOBEX), record(&other, GLOBEX), stop)).await;
            assert_eq!((id_of(first), id_of(waits)), (rec_1(), Ok("rec-2".to_owned())), "after {delay} ms");
            assert_eq!(cloud.running(), ["rec-2"]);
        }
    });
}

/// A double click: both calls are merged, and the response comes a little later than their time allows.
#[test]
fn each_call_of_a_merged_start_gets_the_recording_of_a_late_response() {
    for timeouts in [[1_000, 1_000], [1_000, 15_000], [1_000, 1_500]] {
        run(async {
            let world = World::new();
            let cloud = Slow { starts_take: vec![1_500], has_no_list: true, ..Slow::default() }.cloud(&world);
            let recorder = connect(&world, without_list()).await;
            let calls = timeouts.map(|millis| recorder.start_recording(start_in(GLOBEX), with_timeout(millis)));
            let ids: Vec<_> = while_time_passes(&[&world], join_all(calls)).await.into_iter().map(id_of).collect();
            // An app tries again after OUTCOME_UNKNOWN, because the library looks before it sends.
            if ids.contains(&Err(Code::OutcomeUnknown)) {
                let _ = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
            }
            assert_eq!((cloud.running().len(), ids), (1, vec![rec_1(); 2]), "{timeouts:?}");
        });
    }
}

/// One call of a merged start is told that its outcome is unknown, and tries again after the other one has the recording.
#[test]
fn after_an_unknown_outcome_a_call_does_not_start_what_another_call_of_the_same_start_has_got() {
    for contract in [r#"{"list":null}"#, "{}"] {
        run(async {
            let world = World::new();
            // The list is three seconds late.
            let (clock, began) = (world.clone(), Rc::new(RefCell::new(Vec::new())));
            let log = began.clone();
            world.respond_async(move |request| {
                let (clock, log, is_start) = (clock.clone(), log.clone(), request.method == "POST");
                let is_read = request.url.ends_with("/rec-1");
                if is_start {
                    log.borrow_mut().push(clock.time());
                }
                let number = log.borrow().len();
                Box::pin(async move {
                    World::sleep(&clock, if is_start { 5_000 } else { 0 }).await;
                    let is_listed = clock.time() - NOW >= 8_000;
                    Ok(match (is_start, is_read) {
                        (true, _) => created(&format!("rec-{number}")),
                        (_, true) => response(200, &entity("rec-1", "recording", 0)),
                        _ if is_listed => list(&[entity("rec-1", "recording", 0)]),
                        _ => list(&[]),
                    })
                })
            });
            let options = with_contract(contract);
            let recorder = connect(&world, options).await;
            let impatient = async {
                let first = recorder.start_recording(start_in(GLOBEX), with_timeout(1_000)).await;
                world.sleep(4_000).await;
                (id_of(first), id_of(record(&recorder, GLOBEX).await))
            };
            let ((first, again), patient) = while_time_passes(&[&world], join(impatient, record(&recorder, GLOBEX))).await;
            assert_eq!((first, id_of(patient)), (Err(Code::OutcomeUnknown), rec_1()));
            assert_eq!((again, began.borrow().len()), (rec_1(), 1), "{contract}");
        });
    }
}

/// The second call begins after the late response came, and before the first call, which still looks, has got its recording.
#[test]
fn a_call_beside_one_that_looks_for_its_start_gets_the_recording_of_the_late_response() {
    run(async {
        let world = World::new();
        let cloud = Slow { starts_take: vec![1_200], reads_take: 100, has_no_list: true, ..Slow::default() }.cloud(&world);
        let recorder = connect(&world, without_list()).await;
        let first = recorder.start_recording(start_in(GLOBEX), with_timeout(1_000));
        let second = async {
            world.sleep(1_500).await;
            record(&recorder, GLOBEX).await
        };
        let (first, second) = while_time_passes(&[&world], join(first, second)).await;
        let ids = (id_of(first), id_of(second));
        assert_eq!((cloud.running().len(), ids), (1, (rec_1(), rec_1())));
    });
}

/// Of two starts that were left one after the other, the first one's recording was stopped in between.
#[test]
fn a_start_that_was_left_is_remembered_although_one_before_it_was_left_and_stopped() {
    run(async {
        let world = World::new();
        let cloud = Slow { starts_take: vec![500, 500], has_no_list: true, ..Slow::default() }.cloud(&world);
        let recorder = connect(&world, without_list()).await;
        for number in 1..=2 {
            leave(&recorder).await;
            while_time_passes(&[&world], world.sleep(1_000)).await;
            world.run_spawned();
            assert_eq!(cloud.running(), [format!("rec-{number}")]);
            if number == 1 {
                cloud.stopped.borrow_mut().push("rec-1".to_owned());
            }
        }
        let third = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert_eq!((cloud.running().len(), id_of(third)), (1, Ok("rec-2".to_owned())));
    });
}

/// A start waits for one of its page, which shares nothing and which the API refuses, and then for a tab that has the lock.
#[test]
fn a_start_that_waited_for_its_page_and_then_for_a_tab_sends_nothing_if_the_list_has_more_pages() {
    run(async {
        let world = World::new();
        let tab = world.another_page();
        for (page, status, takes) in [(&world, 400, 500), (&tab, 201, 2_000)] {
            let started = move |number| match number {
                1 if status == 400 => (takes, Ok(response(400, ""))),
                1 => (takes, Ok(created("of the tab"))),
                _ => (0, Ok(created("of the page"))),
            };
            page.respond_to_each_start(started, || first_page(MORE_PAGES[0]));
        }
        let recorder = with_token(&world).await;
        let there = with_token(&tab).await;
        let alone = recorder.start_recording(unshared_start(), no_options());
        let waits = async {
            world.sleep(250).await;
            record(&recorder, GLOBEX).await
        };
        let (alone, of_tab, waited) = while_time_passes(&[&world, &tab], join3(alone, record(&there, GLOBEX), waits)).await;
        assert_eq!((id_of(alone), id_of(of_tab)), (Err(Code::BadRequest), Ok("of the tab".to_owned())));
        assert_eq!((id_of(waited), world.starts().len()), (Err(Code::OutcomeUnknown), 1));
    });
}

/// The token says that it is of Globex, and is of Acme: the cloud lists the recordings of Acme.
#[test]
fn a_start_that_looked_with_another_organizations_token_looks_again_with_its_own() {
    for waits_for_tab in [true, false] {
        run(async {
            let world = World::new();
            let tab = world.another_page();
            let (right, lying) = (jwt_with_id(GLOBEX, "right"), jwt_with_id(GLOBEX, "lying"));
            let began: Rc<RefCell<Vec<String>>> = Rc::default();
            for page in [&world, &tab] {
                let (clock, began, lying) = (page.clone(), began.clone(), lying.clone());
                page.respond_async(move |request| {
                    let (clock, began, is_lying) = (clock.clone(), began.clone(), request.token == lying);
                    let (is_start, asks_whose) = (request.method == "POST", request.url.contains("/tokens/me"));
                    Box::pin(async move {
                        if is_start && !is_lying {
                            let id = format!("rec-{}", began.borrow().len() + 1);
                            began.borrow_mut().push(id.clone());
                            World::sleep(&clock, 500).await;
                            return if id == "rec-1" && !waits_for_tab { Err(lost_response("reset")) } else { Ok(created(&id)) };
                        }
                        // The list is late for the lost start itself.
                        let is_listed = waits_for_tab || clock.time() - NOW > 3_000;
                        Ok(match (is_start, asks_whose, is_lying) {
                            (true, ..) => response(403, RESOURCE_OWNER),
                            (_, true, _) => response(200, &token_info(if is_lying { ACME } else { GLOBEX })),
                            (.., true) => list(&[]),
                            _ if is_listed => list(&began.borrow().iter().map(|id| entity(id, "recording", 0)).collect::<Vec<_>>()),
                            _ => list(&[]),
                        })
                    })
                });
            }
            world.issue(&right);
            let page = PageStarts::default();
            let one = connect_in(&if waits_for_tab { PageStarts::default() } else { page.clone() }, &tab, options(&[&right])).await;
            let other = connect_in(&page, &world, options(&[&lying])).await;
            let third = connect_in(&page, &world, options(&[&right])).await;
            let second = async {
                world.sleep(if waits_for_tab { 250 } else { 5_000 }).await;
                // Another recorder of the page waits meanwhile.
                let (second, third) = join(record(&other, GLOBEX), record(&third, GLOBEX)).await;
                assert_eq!(id_of(third), rec_1());
                second
            };
            let (first, second) = while_time_passes(&[&world, &tab], join(record(&one, GLOBEX), second)).await;
            let first_is = if waits_for_tab { rec_1() } else { Err(Code::OutcomeUnknown) };
            assert_eq!((id_of(first), id_of(second)), (first_is, rec_1()));
            assert_eq!(began.borrow().len(), 1);
        });
    }
}

/// While the start waits for its token, another tab starts the recording. The token says that it is of Globex, and is of Acme.
#[test]
fn a_start_that_waited_for_another_organizations_token_looks_again_with_its_own() {
    run(async {
        let world = World::new();
        let (right, lying) = (jwt_with_id(GLOBEX, "right"), jwt_with_id(GLOBEX, "lying"));
        issue_in_turn(&world, vec![lying.clone(), right]);
        world.respond(move |request| match (request.method.as_str(), request.token == lying) {
            ("POST", true) => response(403, RESOURCE_OWNER),
            ("POST", false) => created("second"),
            _ if request.url.contains("/tokens/me") => response(200, &token_info(ACME)),
            (_, true) => list(&[]),
            (_, false) => list(&[entity("of the tab", "recording", 500)]),
        });
        let recorder = connect(&world, options(&[])).await;
        let found = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert_eq!((id_of(found), world.starts().len()), (Ok("of the tab".to_owned()), 1));
    });
}

/// While the start waits for its token, another recorder of the page starts a recording, which stops, and then another tab starts one.
/// The token says that it is of Globex, and is of Acme.
#[test]
fn a_start_that_read_with_another_organizations_token_looks_with_its_own() {
    run(async {
        let world = World::new();
        let (right, lying) = (jwt_with_id(GLOBEX, "right"), jwt_with_id(GLOBEX, "lying"));
        issue_in_turn(&world, vec![lying.clone(), right.clone()]);
        world.respond(move |request| match (request.method.as_str(), request.token == lying) {
            _ if request.url.contains("/tokens/me") => response(200, &token_info(ACME)),
            (_, true) => response(403, RESOURCE_OWNER),
            ("POST", false) => created("rec-1"),
            _ if request.url.ends_with("/rec-1") => response(200, &entity("rec-1", "stopped", 0)),
            _ => list(&[entity("rec-1", "stopped", 0), entity("of the tab", "recording", 500)]),
        });
        let page = PageStarts::default();
        let of = |tokens: &[&str]| Options { share_tokens: Some(false), ..options(tokens) };
        let one = connect_in(&page, &world, of(&[&right])).await;
        let other = connect_in(&page, &world, of(&[])).await;
        let (second, first) = while_time_passes(&[&world], join(record(&other, GLOBEX), record(&one, GLOBEX))).await;
        assert_eq!((id_of(first), id_of(second), world.starts().len()), (rec_1(), Ok("of the tab".to_owned()), 1));
    });
}

/// Another tab's start has ended while it handed its locks over. Its recording is listed half a second late.
#[test]
fn a_start_whose_lock_another_page_hands_over_finds_a_recording_that_is_listed_less_than_a_second_late() {
    run(async {
        let world = World::new();
        world.hand_over_locks_after(20);
        let clock = world.clone();
        world.respond(move |request| match request.method.as_str() {
            "POST" => created("own"),
            _ if clock.time() - NOW >= 500 => list(&[entity("theirs", "recording", 0)]),
            _ => list(&[]),
        });
        let recorder = with_token(&world).await;
        let recording = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert_eq!((id_of(recording), world.starts().len()), (Ok("theirs".to_owned()), 0));
    });
}

/// The machine sleeps for a minute while a start waits for what the API asked to wait: its timers are due together, the first one first.
#[test]
fn a_start_is_not_sent_when_its_time_is_over() {
    run(async {
        let world = World::new();
        let started = |number| (0, Ok(if number == 1 { rate_limited(Some("5"), "") } else { created("late") }));
        world.respond_to_each_start(started, || list(&[]));
        let recorder = with_token(&world).await;
        let wakes = async {
            world.sleep(250).await;
            world.advance_in_order(60_000).await;
        };
        let (started, ()) = while_time_passes(&[&world], join(record(&recorder, GLOBEX), wakes)).await;
        assert_eq!((id_of(started), world.starts().len()), (Err(Code::Timeout), 1));
    });
}

#[test]
fn a_later_recording_of_an_earlier_start_is_kept_for_those_that_wait() {
    run(async {
        let world = World::new();
        let cloud = Slow { starts_take: vec![500, 500, 500], has_no_list: true, ..Slow::default() }.cloud(&world);
        let delays = RefCell::new(vec![8_000, 3_000]);
        world.issue_after(move || delays.borrow_mut().pop().unwrap());
        let page = PageStarts::default();
        let of = |tokens: &[&str]| Options { contract: json(r#"{"list":null}"#).unwrap(), share_tokens: Some(false), ..options(tokens) };
        // The first one's token takes 3 s, the third one's 8 s.
        let one = connect_in(&page, &world, of(&[])).await;
        let two = connect_in(&page, &world, of(&[&jwt_for(GLOBEX)])).await;
        let three = connect_in(&page, &world, of(&[])).await;
        let second = async {
            let second = record(&two, GLOBEX).await;
            // It is stopped before the first one is sent.
            cloud.stopped.borrow_mut().push("rec-1".to_owned());
            second
        };
        let all = while_time_passes(&[&world], join3(record(&one, GLOBEX), second, record(&three, GLOBEX))).await;
        let ids = (id_of(all.0), id_of(all.1), id_of(all.2));
        assert_eq!((cloud.running(), ids), (vec!["rec-2".to_owned()], (Ok("rec-2".to_owned()), rec_1(), Ok("rec-2".to_owned()))));
    });
}

/// Merged start: X is told unknown; Y finds; the start's own fetch is lost; list shows two.
#[test]
fn what_one_caller_of_a_start_has_found_is_kept_when_its_fetch_is_lost() {
    run(async {
        let world = World::new();
        let (clock, posts) = (world.clone(), Rc::new(Cell::new(0)));
        let log = posts.clone();
        world.respond_async(move |request| {
            let (clock, is_start) = (clock.clone(), request.method == "POST");
            let is_read = request.url.ends_with("/rec-1");
            if is_start {
                log.set(log.get() + 1);
            }
            let is_first = log.get() == 1;
            Box::pin(async move {
                World::sleep(&clock, if is_start && is_first { 9_000 } else { 0 }).await;
                let now = clock.time() - NOW;
                Ok(match (is_start, is_read) {
                    (true, _) if is_first => return Err(lost_response("reset")),
                    (true, _) => created("rec-2"),
                    (_, true) => response(200, &entity("rec-1", "recording", 0)),
                    // Listed from the third second, until the API fails to list.
                    _ if (3_000..8_000).contains(&now) => list(&[entity("rec-1", "recording", 0)]),
                    _ if now < 3_000 => list(&[]),
                    _ => response(403, r#"{"code":"missing.permissions","message":"no permission"}"#),
                })
            })
        });
        let recorder = with_token(&world).await;
        let x = recorder.start_recording(start_in(GLOBEX), with_timeout(1_000));
        let y = recorder.start_recording(start_in(GLOBEX), with_timeout(4_000));
        let z = recorder.start_recording(start_in(GLOBEX), with_timeout(15_000));
        let (x, y, z) = while_time_passes(&[&world], join3(x, y, z)).await;
        assert_eq!([id_of(x), id_of(y), id_of(z)], [Err(Code::OutcomeUnknown), rec_1(), rec_1()]);
        let again = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert_eq!((id_of(again), posts.get()), (rec_1(), 1));
    });
}

/// One call of a merged start has found its recording. The start's fetch is still under way when a recorder without a list begins.
#[test]
fn a_call_that_begins_when_another_one_has_the_recording_reads_it_before_it_starts() {
    for is_stopped in [false, true] {
        run(async {
            let world = World::new();
            let cloud = Slow { starts_take: vec![5_000], ..Slow::default() }.cloud(&world);
            let page = PageStarts::default();
            let one = with_token_in(&page, &world).await;
            let other = connect_in(&page, &world, without_list()).await;
            let first = one.start_recording(start_in(GLOBEX), with_timeout(1_000));
            let late = async {
                world.sleep(2_000).await;
                if is_stopped {
                    cloud.stopped.borrow_mut().push("rec-1".to_owned());
                }
                record(&other, GLOBEX).await
            };
            let (first, _, late) = while_time_passes(&[&world], join3(first, record(&one, GLOBEX), late)).await;
            let expected = if is_stopped { "rec-2" } else { "rec-1" };
            assert_eq!((id_of(first), id_of(late)), (rec_1(), Ok(expected.to_owned())));
            assert_eq!(cloud.running(), [expected]);
        });
    }
}

/// One recorder shares its start, and another one starts the agent for itself (`share: false`). The recording that was known last is
/// stopped before a third recorder has its token.
#[test]
fn a_start_whose_token_comes_late_reads_every_recording_that_was_started_meanwhile() {
    for stopped in ["rec-1", "rec-2"] {
        run(async {
            let world = World::new();
            let cloud = Slow { starts_take: vec![500, 1_000], has_no_list: true, ..Slow::default() }.cloud(&world);
            world.issue_after(|| 2_000);
            let page = PageStarts::default();
            let of =
                |tokens: &[&str]| Options { contract: json(r#"{"list":null}"#).unwrap(), share_tokens: Some(false), ..options(tokens) };
            let one = connect_in(&page, &world, of(&[&jwt_for(GLOBEX)])).await;
            let two = connect_in(&page, &world, of(&[&jwt_for(GLOBEX)])).await;
            let three = connect_in(&page, &world, of(&[])).await;
            let alone = one.start_recording(Start { shares: false, ..start_in(GLOBEX) }, CallOptions::default());
            let both = async {
                let both = join(record(&two, GLOBEX), alone).await;
                cloud.stopped.borrow_mut().push(stopped.to_owned());
                both
            };
            let ((first, second), third) = while_time_passes(&[&world], join(both, record(&three, GLOBEX))).await;
            assert_eq!((id_of(first), id_of(second)), (rec_1(), Ok("rec-2".to_owned())));
            let runs = if stopped == "rec-1" { "rec-2" } else { "rec-1" };
            assert_eq!((cloud.running(), id_of(third)), (vec![runs.to_owned()], Ok(runs.to_owned())));
        });
    }
}
