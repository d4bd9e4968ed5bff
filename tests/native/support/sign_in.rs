//! Signing in: the app's options, the cloud that issues tokens, and pages that leave for the login origin and come back.

use std::rc::Rc;

use premium_recorder::auth::login::LoginOptions;
use premium_recorder::cloud::call::CallError;
use premium_recorder::cloud::response::Response;
use premium_recorder::model::error::{Code, Error};
use premium_recorder::recorder::Recorder;
use premium_recorder::recorder::page_state::PageState;
use premium_recorder::recorder::settings::{Options, Settings};
use premium_recorder::recording::Recording;

use super::*;

/// A cloud whose login origin issues opaque tokens for `org`.
pub fn cloud_of(org: &'static str) -> impl Fn(&SentRequest) -> Response + Clone {
    move |request| match request.method.as_str() {
        _ if request.is_for_token_endpoint() => {
            let by = form(request.body.as_ref().unwrap())["grant_type"].clone();
            response(200, &format!(r#"{{"access_token":"opaque-by-{by}","token_type":"bearer","expires_in":3600}}"#))
        }
        "GET" if request.url.contains("/tokens/me") => response(200, &token_info(org)),
        "GET" => response(200, r#"{"id":"user","entities":[]}"#),
        _ => response(201, CREATED),
    }
}

pub fn login(change: impl Fn(&mut LoginOptions)) -> Options {
    let mut options = login_options();
    change(options.login.as_mut().unwrap());
    options
}

/// Options of an app whose users sign in on the app's own page, which comes back.
pub fn redirect() -> Options {
    login(|login| {
        login.mode = Some("redirect".into());
        login.redirect_uri = format!("{PAGE}/");
    })
}

/// Options of an app that signs in while it connects.
pub fn on_connect(change: impl Fn(&mut LoginOptions)) -> Options {
    let mut options = redirect();
    let login = options.login.as_mut().unwrap();
    login.on = Some("connect".into());
    change(login);
    options
}

/// Starts a recording, and does this with the window that the start opens.
pub async fn start_while(recorder: &Recorder<World>, world: &World, act: impl AsyncFnOnce(Rc<Popup>)) -> Result<Recording, CallError> {
    let sign_in = async {
        let window = world.popups().last().unwrap().clone();
        act(window).await;
    };
    join(record(recorder, GLOBEX), sign_in).await.0
}

/// How often a page has asked the token endpoint.
pub fn token_requests(world: &World) -> usize {
    world.requests().iter().filter(|request| request.is_for_token_endpoint()).count()
}

/// connect() on a page that was opened with this query.
pub async fn opened(world: &World, options: Options, query: &[(&str, &str)]) -> Result<Recorder<World>, CallError> {
    opened_again(&PageState::default(), world, options, query).await
}

/// connect() on a page that was opened with this query, and may have connected before.
pub async fn opened_again(
    state: &PageState,
    world: &World,
    options: Options,
    query: &[(&str, &str)],
) -> Result<Recorder<World>, CallError> {
    let mut page = page(query);
    state.returned.receive(options.login.as_ref(), world, Some(&mut page))?;
    let settings = Settings::from_options(options, None, Some(page))?;
    Recorder::connect(state.clone(), world.clone(), settings, no_options()).await
}

/// The error of a connect() that failed.
pub fn refused(result: Result<Recorder<World>, CallError>) -> Error {
    error(result.map(|_| ()))
}

/// Leaves a page with this query for the login origin. Returns the world after the redirect back, and the `state`.
pub async fn redirected(query: &[(&str, &str)], options: Options) -> (World, String) {
    let world = World::new();
    let recorder = opened(&world, options, query).await.unwrap();
    navigate_away(&recorder, &world).await;
    let url = world.navigations()[0].clone();
    assert_eq!(parameter(&url, "redirect_uri").unwrap(), format!("{PAGE}/"));
    let state = parameter(&url, "state").unwrap();
    assert_eq!(world.session_storage().keys().collect::<Vec<_>>(), [&format!("premium-recorder.login.{state}")]);
    (world.after_redirect(), state)
}

/// A start that leaves for the login origin. A real page would be gone by then. If the page stays, the call times out.
pub async fn navigate_away(recorder: &Recorder<World>, world: &World) {
    let (ended, ()) = join(record(recorder, GLOBEX), async { world.advance(120_000) }).await;
    assert_eq!(error(ended).code, Code::LoginTimeout);
}

/// connect() leaves the page. Returns the world after the redirect back, and the authorization request.
pub async fn leave_at_connect(options: impl Fn() -> Options) -> (World, String) {
    let world = World::new();
    let (left, ()) = join(opened(&world, options(), &[]), async { world.advance(120_000) }).await;
    assert_eq!(refused(left).code, Code::LoginTimeout);
    let url = world.navigations()[0].clone();
    (world.after_redirect(), url)
}

/// A page that has come back from a sign-in to Globex, its state, and what it was opened with.
pub async fn returned() -> (World, PageState, [(&'static str, String); 2]) {
    let (world, url) = leave_at_connect(|| on_connect(|_| {})).await;
    world.respond(cloud_of(GLOBEX)).share_nothing();
    (world, PageState::default(), [("code", "code".to_owned()), ("state", parameter(&url, "state").unwrap())])
}

/// connect() on a page that has come back.
pub async fn connect_on_return(page: &PageState, world: &World, query: &[(&str, String)]) -> Recorder<World> {
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    opened_again(page, world, on_connect(|_| {}), &query).await.unwrap()
}
