//! Rate limits: batches stay below the limit, and no token is sent before the wait that the cloud asked for is over.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::support::*;
use premium_recorder::cloud::rate_limit::RateLimiter;
use premium_recorder::cloud::refusal::retry_after;
use premium_recorder::cloud::response::{RateLimit, Response};
use premium_recorder::model::error::Code;
use premium_recorder::model::secret::Secret;
use premium_recorder::model::time::{Instant, Timestamp};
use premium_recorder::recording::batch::{Batch, BatchProgress};
use premium_recorder::token::access_token::AccessToken;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const HOUR: i64 = 3600 * SECOND;

/// The cloud refuses the first start with this response, and accepts the next one.
fn refuse_once(world: &World, refusal: Response) {
    let is_refused = Cell::new(false);
    world.respond(move |_| if is_refused.replace(true) { response(201, CREATED) } else { refusal.clone() });
}

/// A cloud that limits the requests of each token. A token's minute begins with its first request.
struct LimitedCloud {
    limit: u32,
    sends_headers: bool,
    windows: RefCell<HashMap<String, (i64, u32)>>,
    refusals: Cell<u32>,
}

impl LimitedCloud {
    fn count(&self, now: i64, token: &str, accepted: Response) -> Response {
        let mut windows = self.windows.borrow_mut();
        let (began, count) = windows.entry(token.to_owned()).or_insert((now, 0));
        if now - *began >= 60 * SECOND {
            (*began, *count) = (now, 0);
        }
        *count += 1;
        let reset = u32::try_from((60 * SECOND - (now - *began)) / SECOND).unwrap();
        let rate_limit = self.sends_headers.then_some(RateLimit { allowed: self.limit, count: *count, reset });
        if *count > self.limit {
            self.refusals.set(self.refusals.get() + 1);
            return Response { rate_limit, ..response(429, "") };
        }
        Response { rate_limit, ..accepted }
    }
}

fn limit(world: &World, limit: u32, sends_headers: bool) -> Rc<LimitedCloud> {
    let limited = Rc::new(LimitedCloud { limit, sends_headers, windows: RefCell::default(), refusals: Cell::new(0) });
    let (cloud, clock) = (limited.clone(), world.clone());
    world.respond_async(move |request| {
        let (cloud, clock, request) = (cloud.clone(), clock.clone(), request.clone());
        Box::pin(async move {
            // Requests take different times to arrive, so their order can change.
            clock.sleep(40 + i64::from(request.body.as_ref().unwrap().len() as u32 % 7) * 60).await;
            let response = cloud.count(clock.time(), &request.token, response(201, CREATED));
            clock.sleep(60).await;
            Ok(response)
        })
    });
    limited
}

#[test]
fn a_429_is_repeated_after_the_wait_that_the_cloud_names() {
    run(async {
        let soon = jiff::Timestamp::from_millisecond(NOW + 7_000).unwrap();
        let soon = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&soon).unwrap();
        for (retry_after, message, millis) in [
            (Some("7"), "", 7_000),
            (Some(" 7 "), "", 7_000),
            (Some(soon.as_str()), "", 7_000),
            (None, "Retry the request in [7] seconds", 7_000),
            (Some("0"), "Retry the request in [7] seconds", 7_000),
            (None, "Rate limit exceeded the maximum [300] requests within [60] seconds. Retry the request in [7] seconds.", 7_000),
            (None, "maximum [300] requests, available in [7] seconds", 7_000),
            (None, "try again in 7 seconds", 7_000),
            (Some("0"), "", 0),
        ] {
            let world = World::new();
            refuse_once(&world, rate_limited(retry_after, message));
            let recorder = with_token(&world).await;
            let wait = async {
                wait_until(|| !world.starts().is_empty()).await;
                yield_now().await;
                if millis > 0 {
                    world.advance(millis - 1);
                    yield_now().await;
                    assert_eq!(world.starts().len(), 1);
                    world.advance(1);
                }
            };
            let (started, ()) = join(record(&recorder, GLOBEX), wait).await;
            started.unwrap();
            assert_eq!(world.starts().len(), 2, "{retry_after:?} {message}");
        }
    });
}

fn used_up(count: u32, reset: u32, retry_after: Option<&str>) -> Response {
    Response {
        rate_limit: Some(RateLimit { allowed: 300, count, reset }),
        ..Response { retry_after: retry_after.map(str::to_owned), ..response(429, "") }
    }
}

#[test]
fn a_429_tells_the_wait_by_its_message_whatever_its_code() {
    let now = Timestamp::from_millis(NOW);
    for (body, wait) in [
        (r#"{"message":"Retry the request in [4] seconds"}"#, Some(4_000)),
        (
            r#"{"code":"too.many.requests","message":"Maximum [300] requests within [60] seconds. Please retry after 4 seconds."}"#,
            Some(4_000),
        ),
        (r#"{"errors":[{"code":"too.many.requests.retry.after","message":"Maximum [300], free in [4] seconds"}]}"#, Some(4_000)),
        (r#"{"code":"too.many.requests","message":"maximum [300] requests within [60] seconds"}"#, None),
        (r#"{"message":"Retry in a few seconds"}"#, None),
        (r#"{"message":"Retry seconds"}"#, None),
        (r#"{"code":"too.many.requests.retry.after","message":"Maximum [300]"}"#, None),
    ] {
        assert_eq!(retry_after(&response(429, body), now), wait, "{body}");
    }
}

#[test]
fn a_429_whose_limit_is_used_up_asks_to_wait_until_the_reset() {
    let now = Timestamp::from_millis(NOW);
    for (refused, wait) in [
        (used_up(300, 40, None), Some(40_000)),
        (used_up(301, 40, None), Some(40_000)),
        (used_up(299, 40, None), None),
        (used_up(300, 40, Some("2")), Some(2_000)),
        (used_up(300, 0, None), Some(1_000)),
        (used_up(300, 1_800_000_000, None), Some(60_000)),
        (Response { status: 403, ..used_up(300, 40, None) }, None),
    ] {
        assert_eq!(retry_after(&refused, now), wait);
    }
    run(async {
        let world = World::new();
        world.respond(|_| used_up(300, 40, None));
        let recorder = with_token(&world).await;
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, refused.evidence.retry_after, world.starts().len()), (Code::RateLimited, Some(40_000), 1));
    });
}

#[test]
fn a_429_without_a_wait_is_repeated_after_a_random_wait() {
    run(async {
        let mut waits = HashSet::new();
        for random in [0, 120, 254] {
            let world = World::new();
            world.seed_random(random);
            refuse_once(&world, response(429, r#"{"code":"too.many.requests","message":"maximum [300] requests within [60] seconds"}"#));
            let recorder = with_token(&world).await;
            let wait = async {
                wait_until(|| !world.starts().is_empty()).await;
                yield_now().await;
                let mut waited = 0;
                while world.starts().len() == 1 {
                    world.advance(1);
                    waited += 1;
                    yield_now().await;
                }
                waited
            };
            let (started, waited) = join(record(&recorder, GLOBEX), wait).await;
            started.unwrap();
            // From one second to three, in proportion to a random byte.
            let expected = 1_000 + 2_000 * (i64::from(random) + 1) / 255;
            assert!((waited - expected).abs() <= 2, "{waited}, not {expected}");
            waits.insert(waited);
        }
        assert_eq!(waits.len(), 3);
    });
}

#[test]
fn a_wait_that_exceeds_the_deadline_fails_at_once() {
    run(async {
        let world = World::new();
        world.respond(|_| rate_limited(Some("86400"), ""));
        let recorder = with_token(&world).await;
        // The clock does not advance, so the call fails before its deadline.
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, refused.evidence.retry_after, world.starts().len()), (Code::RateLimited, Some(86_400_000), 1));
        assert!(refused.code.retryable());

        world.respond(|_| rate_limited(Some("7"), ""));
        let call = recorder.start_recording(start_in(GLOBEX), with_timeout(7_000));
        assert_eq!(error(call.await).code, Code::RateLimited);
        // An unreadable `Retry-After` counts as none.
        for retry_after in ["soon", "-5", "99999999999", ""] {
            let world = World::new();
            world.respond(move |_| rate_limited(Some(retry_after), ""));
            let recorder = with_token(&world).await;
            let (refused, ()) = join(record(&recorder, GLOBEX), async {
                wait_until(|| !world.starts().is_empty()).await;
                yield_now().await;
                world.advance(3_010);
            })
            .await;
            assert_eq!(error(refused).code, Code::RateLimited, "{retry_after}");
        }
    });
}

#[test]
fn a_lost_start_is_not_looked_for_during_the_wait_that_the_cloud_asked_for() {
    run(async {
        let world = World::new();
        world.respond_async(|request| {
            let is_start = request.method == "POST";
            let result = if is_start { Err(lost_response("reset")) } else { Ok(rate_limited(Some("60"), "")) };
            Box::pin(async { result })
        });
        let recorder = with_token(&world).await;
        let lost = while_time_passes(&[&world], record(&recorder, GLOBEX)).await;
        assert_eq!(error(lost).code, Code::OutcomeUnknown);
        // The next start would look first.
        let left = NOW + 60_000 - world.time();
        let refused = error(record(&recorder, GLOBEX).await);
        assert_eq!((refused.code, refused.evidence.retry_after.map(i64::from)), (Code::RateLimited, Some(left)));
        let methods: Vec<_> = world.requests().into_iter().map(|request| request.method).collect();
        assert_eq!(methods, ["POST", "GET"]);
    });
}

/// Notes the time of each request and its organization, and refuses the first one for so many seconds.
fn refuse_first(world: &World, seconds: &'static str) -> Rc<RefCell<Vec<(i64, String)>>> {
    let times: Rc<RefCell<Vec<(i64, String)>>> = Rc::default();
    let (log, clock) = (times.clone(), world.clone());
    world.respond(move |request| {
        let org = if request.token == jwt_for(GLOBEX) { GLOBEX } else { ACME };
        log.borrow_mut().push((clock.time() - NOW, org.to_owned()));
        match (log.borrow().len(), request.method.as_str()) {
            (1, _) => rate_limited(Some(seconds), ""),
            (_, "GET") => list(&[]),
            (_, "DELETE") => response(204, ""),
            _ => response(201, CREATED),
        }
    });
    times
}

#[test]
fn during_the_wait_no_call_sends_the_token_and_other_tokens_do_not_wait() {
    run(async {
        let world = World::new();
        let times = refuse_first(&world, "10");
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX), &jwt_for(ACME)])).await;
        let (globex, acme) = (org(GLOBEX), org(ACME));
        let later = async {
            world.sleep(SECOND).await;
            let impatient = error(recorder.recordings(None, Some(&globex), with_timeout(9_000)).await);
            assert_eq!((impatient.code, impatient.evidence.retry_after), (Code::RateLimited, Some(9_000)));
            let impatient = error(recorder.sign_out(Some(globex.clone()), with_timeout(9_000)).await);
            assert_eq!((impatient.code, impatient.evidence.retry_after), (Code::RateLimited, Some(9_000)));
            recorder.add_token(AccessToken::parse(&jwt_for(GLOBEX)).unwrap(), no_options()).await.unwrap();
            recorder.recordings(None, Some(&acme), no_options()).await.unwrap();
            recorder.recordings(None, Some(&globex), no_options()).await.unwrap();
            recorder.sign_out(Some(globex.clone()), no_options()).await.unwrap();
        };
        let start = recorder.start_recording(start_in(GLOBEX), no_options());
        let _ = while_time_passes(&[&world], join(start, later)).await;
        let times = times.borrow();
        assert!(times.iter().skip(1).all(|(at, org)| *at >= 10_000 || org == ACME), "{times:?}");
        assert!(times.contains(&(SECOND, ACME.to_owned())), "{times:?}");
    });
}

#[test]
fn a_batch_sends_a_token_no_more_until_the_wait_is_over() {
    run(async {
        // The wait is longer than a start's time.
        let world = World::new();
        let times = refuse_first(&world, "3600");
        let recorder = with_token(&world).await;
        // The clock does not advance.
        let results = start_many(&recorder, starts_in(GLOBEX, 10), concurrency(1)).await;
        for result in results {
            let refused = error(result);
            assert_eq!((refused.code, refused.evidence.retry_after), (Code::RateLimited, Some(3_600_000)));
        }
        assert_eq!(times.borrow().len(), 1);

        // A start's time allows the wait. Starts with another token do not wait for it.
        let world = World::new();
        let times = refuse_first(&world, "7");
        let recorder = connect(&world, options(&[&jwt_for(GLOBEX), &jwt_for(ACME)])).await;
        let starts = starts_in(GLOBEX, 10).into_iter().chain(starts_in(ACME, 10)).collect();
        let results = while_time_passes(&[&world], start_many(&recorder, starts, concurrency(2))).await;
        assert!(results.iter().all(Result::is_ok));
        let times = times.borrow();
        assert!(times.iter().skip(1).all(|(at, org)| (*at >= 7_000) == (org == GLOBEX)), "{times:?}");
    });
}

#[test]
fn a_thousand_starts_for_five_organizations_meet_no_429() {
    let orgs: Vec<String> = (0..5).map(|number| format!("{number:08}-0000-4000-8000-000000000000")).collect();
    for (allowed, sends_headers, requests_per_minute, organizations) in [
        (300, false, None, 5),
        (300, true, None, 5),
        (300, false, None, 1),
        (300, true, None, 1),
        (50, true, None, 5),
        (60, false, Some(60), 2),
    ] {
        run(async {
            let world = World::new();
            let cloud = limit(&world, allowed, sends_headers);
            world.issue_per_org();
            let recorder = connect(&world, options(&[])).await;
            let starts = (0..1000).map(|number| start_of(&format!("agent-{number}"), &orgs[number % organizations])).collect();
            let batch = Batch { concurrency: 40, requests_per_minute };
            let results = while_time_passes_for(&[&world], 2 * HOUR, start_many(&recorder, starts, batch)).await;
            assert!(results.iter().all(Result::is_ok));
            let minutes = (world.time() - NOW) / (60 * SECOND);
            assert_eq!((cloud.refusals.get(), world.starts().len()), (0, 1000), "{allowed} {sends_headers} {organizations}");
            // The batch uses at least nine tenths of the limit.
            let windows = i64::try_from(1000 / organizations).unwrap() / i64::from(allowed - allowed.div_ceil(10));
            assert!(minutes <= windows + 1, "{minutes} minutes for {windows} windows");
        });
    }
}

#[test]
fn no_more_starts_are_sent_at_once_than_the_limit_allows() {
    run(async {
        let world = World::new();
        // The cloud sends no rate-limit headers, so the starts in flight must be counted.
        let cloud = limit(&world, 8, false);
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let batch = Batch { concurrency: 12, requests_per_minute: Some(8) };
        let results = while_time_passes(&[&world], start_many(&recorder, starts_in(ACME, 16), batch)).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!((cloud.refusals.get(), world.starts().len()), (0, 16));
    });
}

#[test]
fn the_part_of_the_limit_that_others_use_is_left_to_them() {
    run(async {
        let world = World::new();
        let cloud = limit(&world, 100, true);
        cloud.windows.borrow_mut().insert(jwt_for(ACME), (NOW - 20 * SECOND, 70));
        let recorder = connect(&world, options(&[&jwt_for(ACME)])).await;
        let results = while_time_passes(&[&world], start_many(&recorder, starts_in(ACME, 100), concurrency(4))).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(cloud.refusals.get(), 0);
    });
}

#[test]
fn a_reset_that_is_a_date_does_not_stall_a_batch() {
    run(async {
        let world = World::new();
        let (clock, window) = (world.clone(), Cell::new((0, 0)));
        world.respond(move |_| {
            let minute = (clock.time() - NOW) / (60 * SECOND);
            let count = if window.get().0 == minute { window.get().1 + 1 } else { 1 };
            window.set((minute, count));
            // Another client of the token has used most of the first minute.
            let count = if minute == 0 { count + 290 } else { count };
            // `reset` should be the seconds that are left. This is a time in seconds since 1970.
            Response { rate_limit: Some(RateLimit { allowed: 300, count, reset: 1_800_000_000 }), ..response(201, CREATED) }
        });
        let recorder = with_token(&world).await;
        let work = start_many(&recorder, starts_in(GLOBEX, 600), concurrency(6));
        let results = while_time_passes(&[&world], work).await;
        assert!(results.iter().all(Result::is_ok), "every start completes within ten minutes");
        assert_eq!(world.starts().len(), 600);
    });
}

#[test]
fn a_batch_completes_although_the_wall_clock_is_set_back() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, CREATED));
        let recorder = with_token(&world).await;
        let is_set = Cell::new(false);
        let set_clock = |progress: BatchProgress| {
            if progress.fulfilled == 6 && !is_set.replace(true) {
                world.shift_wall_clock(-24 * HOUR);
            }
        };
        let batch = Batch { concurrency: 1, requests_per_minute: Some(4) };
        let work = start_many_with(&recorder, starts_in(GLOBEX, 10), batch, set_clock, no_options());
        let results = while_time_passes_for(&[&world], HOUR, work).await.unwrap();
        assert!(is_set.get(), "the clock was set during the batch");
        assert!(results.iter().all(Result::is_ok), "every start completes within an hour, not a day later");
    });
}

#[test]
fn no_token_exceeds_its_limit_although_tokens_expire_during_the_batch() {
    run(async {
        let world = World::new();
        let per_token: Rc<RefCell<HashMap<String, usize>>> = Rc::default();
        let counts = per_token.clone();
        world.respond(move |request| {
            *counts.borrow_mut().entry(request.token.clone()).or_default() += 1;
            response(201, CREATED)
        });
        let clock = world.clone();
        world.token_source(move |call| {
            let token = jwt(&format!(r#"{{"org_id":"{}","exp":{}}}"#, call.org, clock.time() / 1000 + 30));
            let clock = clock.clone();
            Box::pin(async move {
                clock.sleep(500).await;
                Ok(issued_token(&token))
            })
        });
        let recorder = connect(&world, options(&[])).await;
        let batch = Batch { concurrency: 50, requests_per_minute: Some(10) };
        while_time_passes_for(&[&world], HOUR, start_many(&recorder, starts_in(GLOBEX, 60), batch)).await;
        let most = per_token.borrow().values().copied().max().unwrap();
        assert!(most <= 10, "{most} requests with one token that expires after 30 s");
        assert!(per_token.borrow().len() > 1, "tokens expire during the batch");
    });
}

#[test]
fn two_batches_share_one_limit() {
    run(async {
        let world = World::new();
        world.respond(|_| response(201, CREATED));
        let recorder = with_token(&world).await;
        let starts = |name: &str| (0..20).map(|number| start_of(&format!("{name}-{number}"), GLOBEX)).collect();
        let batch = Batch { concurrency: 20, requests_per_minute: Some(10) };
        let batches = join(start_many(&recorder, starts("a"), batch), start_many(&recorder, starts("b"), batch));
        let first_half_minute = async {
            world.sleep(30 * SECOND).await;
            world.starts().len()
        };
        let (_, sent) = while_time_passes_for(&[&world], HOUR, join(batches, first_half_minute)).await;
        assert!(sent <= 10, "{sent} requests in the first half minute");
    });
}

#[test]
fn a_slot_that_comes_earlier_than_the_one_waited_for_is_used() {
    run(async {
        let world = World::new();
        let clock = world.clone();
        // The response for the organization whose token expires soon takes longer.
        world.respond_async(move |request| {
            let (clock, is_slow) = (clock.clone(), request.org.as_deref() == Some(GLOBEX));
            Box::pin(async move {
                clock.sleep(if is_slow { 5 * SECOND } else { SECOND }).await;
                Ok(response(201, CREATED))
            })
        });
        let clock = world.clone();
        world.token_source(move |call| {
            let life = if call.org == GLOBEX { 20 } else { 3600 };
            let token = jwt_expiring_in((clock.time() - NOW) / SECOND + life, &call.org, &clock.time().to_string());
            Box::pin(async move { Ok(issued_token(&token)) })
        });
        let recorder = connect(&world, options(&[])).await;
        let batch = Batch { concurrency: 4, requests_per_minute: Some(1) };
        let starts = [("a", ACME), ("b", ACME), ("c", GLOBEX), ("d", GLOBEX)].map(|(agent, org)| start_of(agent, org));
        let times: Rc<RefCell<Vec<i64>>> = Rc::default();
        let (clock, log) = (world.clone(), times.clone());
        let on_progress = move |_: BatchProgress| log.borrow_mut().push((clock.time() - NOW) / SECOND);
        let results =
            while_time_passes(&[&world], start_many_with(&recorder, starts.into(), batch, on_progress, no_options())).await.unwrap();
        assert!(results.iter().all(Result::is_ok));
        // Acme's second start waits a minute. Globex's goes earlier, with the next token.
        let times = times.borrow();
        assert!(times[2] < 30 && times[3] > 60, "{times:?}");
    });
}

#[test]
fn a_batch_goes_on_when_another_batchs_request_frees_a_slot() {
    run(async {
        let world = World::new();
        world.respond_after(SECOND, || response(201, CREATED));
        let recorder = with_token(&world).await;
        let batch = Batch { concurrency: 1, requests_per_minute: Some(1) };
        let first = start_many(&recorder, vec![start_of("first", GLOBEX)], batch);
        let second = start_many(&recorder, vec![start_of("second", GLOBEX)], batch);
        let (first, second) = while_time_passes(&[&world], join(first, second)).await;
        assert!(first[0].is_ok() && second[0].is_ok());
    });
}

proptest! {
    #[test]
    fn the_next_slot_is_the_first_moment_at_which_the_limit_allows_a_request(
        // Seconds between the requests, and for some responses: the limit, the cloud's count, and the seconds until its reset.
        requests in vec((0..20_i64, option::weighted(0.3, (0..8_u32, 0..12_u32, 0..70_u32))), 0..8),
        (in_flight, scheduled, later) in (0..3_usize, 0..3_usize, 0..90_i64),
        max in option::of(0..6_u32),
    ) {
        let (limiter, token) = (RateLimiter::default(), Secret::from("the-token".to_owned()));
        let at = |seconds: i64| Instant::from_millis(seconds * SECOND);
        let (mut now, mut responses, mut limit, mut others, mut window_end) = (0, Vec::new(), None, 0, 0);
        for (pause, report) in requests {
            now += pause;
            limiter.sent(&token, at(now));
            responses.retain(|response| now - response < 60);
            if responses.is_empty() {
                (limit, others, window_end) = (None, 0, 0);
            }
            responses.push(now);
            let reported = report.map(|(allowed, count, reset)| RateLimit { allowed, count, reset });
            limiter.answered(&token, at(now), reported);
            if let Some((allowed, count, reset)) = report {
                (limit, window_end) = (Some(allowed), now + i64::from(reset.min(60)));
                let own = responses.iter().filter(|response| **response >= window_end - 60).count();
                others = (count as usize).saturating_sub(own);
            }
        }
        for _ in 0..in_flight {
            limiter.sent(&token, at(now));
        }
        now += later;

        let limit = [limit, max].into_iter().flatten().min().unwrap_or(300) as usize;
        let slots = (limit - limit.div_ceil(10)).max(1);
        let fits = |second: i64| {
            let own = responses.iter().filter(|response| second - **response < 60).count();
            let others = if second < window_end { others } else { 0 };
            own + others + in_flight.max(scheduled) < slots
        };
        let expected = (now..=now + 60).find(|second| fits(*second)).map(at);
        let slot = limiter.next_slot_at(&token, at(now), max, scheduled).map(|slot| slot.max(at(now)));
        prop_assert_eq!(slot, expected);
    }
}

#[test]
fn the_limiter_of_a_closed_recorder_keeps_no_token() {
    let (limiter, token, now) = (RateLimiter::default(), Secret::from("the-token".to_owned()), Instant::from_millis(0));
    limiter.sent(&token, now);
    limiter.block(&token, now, 60_000);
    assert!(limiter.wait(&token, now).is_some());
    assert_eq!(limiter.next_slot_at(&token, now, Some(1), 0), None);
    assert!(limiter.wait(&Secret::from("another-token".to_owned()), now).is_none());
    limiter.forget();
    assert!(limiter.wait(&token, now).is_none());
    assert_eq!(limiter.next_slot_at(&token, now, Some(1), 0), Some(now));
}

#[test]
fn a_tokens_limit_is_forgotten_a_minute_after_its_last_response_unless_the_cloud_asked_to_wait() {
    // (the wait in milliseconds, the milliseconds since the response, whether the limit is known still)
    let cases = [(0, 59_999, true), (0, 60_000, false), (90_000, 60_000, true), (90_000, 89_999, true), (90_000, 90_000, false)];
    for (wait, passed, is_known) in cases {
        let (limiter, began) = (RateLimiter::default(), Instant::from_millis(0));
        let (token, other) = (Secret::from("the-token".to_owned()), Secret::from("another-token".to_owned()));
        limiter.sent(&token, began);
        limiter.answered(&token, began, Some(RateLimit { allowed: 1, count: 1, reset: 60 }));
        limiter.block(&token, began, wait);
        let now = began.after_millis(passed);
        assert_eq!(limiter.wait(&token, now).is_some(), passed < i64::from(wait));
        limiter.sent(&other, now);
        // With a limit of one request a minute, the second of two requests has no slot.
        let has_slot = limiter.next_slot_at(&token, now, None, 1).is_some();
        assert_eq!(has_slot, !is_known, "a wait of {wait} ms, {passed} ms later");
    }
}

#[test]
fn a_token_with_a_request_in_flight_is_not_forgotten() {
    let (limiter, began) = (RateLimiter::default(), Instant::from_millis(0));
    let (token, other) = (Secret::from("the-token".to_owned()), Secret::from("another-token".to_owned()));
    limiter.sent(&token, began);
    limiter.sent(&other, began.after_millis(120_000));
    assert_eq!(limiter.next_slot_at(&token, began.after_millis(120_000), Some(1), 0), None);
}

#[test]
fn a_wait_that_began_before_the_last_response_forgets_no_response() {
    let (limiter, token, received) = (RateLimiter::default(), Secret::from("the-token".to_owned()), Instant::from_millis(1_000));
    let counted = received.after_millis(1);
    for at in [received, received, counted] {
        limiter.sent(&token, at);
        limiter.answered(&token, at, None);
    }
    limiter.block(&token, received, 1);
    // Of four requests a minute, one stays free.
    assert_eq!(limiter.next_slot_at(&token, counted, Some(4), 0), Some(received.after_millis(60 * SECOND)));
}

#[test]
fn a_slot_after_very_many_responses_is_late_by_less_than_a_500th_of_the_window() {
    let (limiter, token) = (RateLimiter::default(), Secret::from("the-token".to_owned()));
    for millis in 0..20_000 {
        let now = Instant::from_millis(millis);
        limiter.sent(&token, now);
        limiter.answered(&token, now, None);
    }
    // A tenth of the limit stays free, and so many of the last responses must be over that another request fits.
    for (max, expected) in [(100, 20_000 - 90), (1_000, 20_000 - 900), (20_000, 20_000 - 18_000)] {
        let slot = limiter.next_slot_at(&token, Instant::from_millis(20_000), Some(max), 0).unwrap();
        let late = slot.since(Instant::from_millis(expected + 60 * SECOND));
        assert!((0..120).contains(&late), "{max}: {late}");
    }
}
