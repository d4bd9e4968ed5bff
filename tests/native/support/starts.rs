//! Starts of `AGENT` in Globex: the recorders that send them, the clouds that they reach, and what is left of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::response::Response;
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::settings::Options;
use premium_recorder::recording::page_starts::PageStarts;
use premium_recorder::recording::start::Start;

use super::*;

/// How long a response takes that does not come, in milliseconds.
pub const NEVER: i64 = i64::MAX / 2;

/// Options with a token of Globex, and this `contract`.
pub fn with_contract(contract: &str) -> Options {
    Options { contract: json(contract).unwrap(), ..options(&[&jwt_for(GLOBEX)]) }
}

/// A recorder with a token of Globex.
pub async fn with_token(world: &World) -> Recorder<World> {
    connect(world, options(&[&jwt_for(GLOBEX)])).await
}

/// Another recorder of the same page with a token of Globex.
pub async fn with_token_in(page: &PageStarts, world: &World) -> Recorder<World> {
    connect_in(page, world, options(&[&jwt_for(GLOBEX)])).await
}

/// A start that merges with no other.
pub fn unshared_start() -> Start {
    Start { shares: false, ..start_in(GLOBEX) }
}

/// A start with another `recordingType`.
pub fn audio_start() -> Start {
    new_start(AGENT, Some(GLOBEX), Some("audio".into())).unwrap()
}

/// A recording of the usual type that runs for ten minutes.
pub fn running_screen_recording() -> String {
    entity("screen-1", "recording", -600_000).replace("\"state\"", "\"recordingType\":\"screen\",\"state\"")
}

/// The lock that a start holds.
pub fn lock_name() -> String {
    format!("premium-recorder start https://api.cloud.example/api/v2/screenrecordings {GLOBEX} screen {AGENT}")
}

/// How often a page has looked for the agent's recordings.
pub fn looks(world: &World) -> usize {
    world.requests().iter().filter(|request| request.method == "GET" && request.url.contains("/screenrecordings?agentId=")).count()
}

/// Starts a recording, and aborts the call once the start was sent.
pub async fn leave(recorder: &Recorder<World>) {
    let left = aborted_when(yield_now(), async |options| recorder.start_recording(start_in(GLOBEX), options).await).await;
    assert!(matches!(left, Err(CallError::Aborted)), "{left:?}");
}

/// A start whose call ends while it is in flight, by an abort or by a close of its recorder.
pub async fn leave_in_flight(recorder: &Recorder<World>, closes: bool) {
    if !closes {
        return leave(recorder).await;
    }
    let close = async {
        yield_now().await;
        recorder.close();
    };
    join(record(recorder, GLOBEX), close).await.0.unwrap_err();
}

/// Runs the test with and without locks, for a start that an abort leaves in flight, and for one that a close does.
pub fn each_way_to_leave(test: impl AsyncFn(&World, &PageStarts, bool)) {
    for (closes, has_locks) in [(true, true), (true, false), (false, true), (false, false)] {
        run(async {
            let world = World::new();
            if !has_locks {
                world.disable_locks();
            }
            test(&world, &PageStarts::default(), closes).await;
        });
    }
}

/// What says that a list has more pages than the one that shows an old recording.
pub const MORE_PAGES: [&str; 4] = [
    r#""total":2"#,
    r#""total":1,"nextUri":"/api/v2/screenrecordings?pageNumber=2""#,
    r#""pageNumber":1,"pageCount":2"#,
    r#""hasMore":true"#,
];

/// The first page of a list, which shows an old recording.
pub fn first_page(more: &str) -> Response {
    response(200, &format!(r#"{{"entities":[{}],{more}}}"#, entity("old", "stopped", -1_000_000)))
}

impl World {
    /// The cloud responds to a start with `started`, and to any other request with `listed`.
    pub fn respond_to_starts(&self, started: impl Fn() -> SendResult + 'static, listed: impl Fn() -> Response + 'static) -> &World {
        self.respond(move |request| if request.method == "POST" { started() } else { Ok(listed()) })
    }

    /// The cloud responds to each start when the test releases it, with a numbered ID, and lists every recording at once.
    pub fn respond_to_starts_when_released(&self) -> Releases {
        let releases = Releases::default();
        let pending = releases.clone();
        let recordings = Rc::new(RefCell::new(Vec::new()));
        self.respond_async(move |request| {
            if request.method == "GET" {
                let listed = list(&recordings.borrow());
                return Box::pin(async move { Ok(listed) });
            }
            let (release, released) = gate();
            pending.borrow_mut().push(release);
            let id = format!("rec-{}", pending.borrow().len());
            recordings.borrow_mut().push(entity(&id, "recording", 0));
            Box::pin(async move {
                released.await.unwrap();
                Ok(created(&id))
            })
        });
        releases
    }

    /// The cloud responds to the start of this number, counted from 1, after so many milliseconds, and to any other request at
    /// once with `listed`.
    pub fn respond_to_each_start(
        &self,
        started: impl Fn(usize) -> (i64, SendResult) + 'static,
        listed: impl Fn() -> Response + 'static,
    ) -> &World {
        let (sent, clock) = (Cell::new(0), self.clone());
        self.respond_async(move |request| {
            if request.method != "POST" {
                let listed = listed();
                return Box::pin(async { Ok(listed) });
            }
            sent.set(sent.get() + 1);
            let (delay, result) = started(sent.get());
            let arrives = clock.sleep(delay);
            Box::pin(async move {
                arrives.await;
                result
            })
        })
    }

    /// The cloud never responds to the first start, and lists what is given.
    pub fn never_respond_to_the_first_start(&self, listed: impl Fn() -> Response + 'static) -> &World {
        self.respond_to_each_start(|number| (if number == 1 { NEVER } else { 0 }, Ok(created("second"))), listed)
    }
}
