//! Authorization requests that the tab stores while the page is away (`sessionStorage`). The tab's frames share them.

use crate::auth::authorization::{AuthorizationRequest, not_ours};
use crate::auth::login::{Login, LoginOptions};
use crate::auth::parameters::{Parameters, borrowed};
use crate::auth::ports::Platform;
use crate::model::digits::number;
use crate::model::environment::Environment;
use crate::model::error::Error;
use crate::model::ids::OrgId;
use crate::model::secret::Secret;
use crate::model::time::Instant;

/// The hint if the page comes back from its sign-ins without their responses.
const RESPONSE_DROPPED: &str = "Set login.redirectUri to the page's exact address, with its trailing slash and without a redirect. Call connect() before a router changes the address.";

/// Prefix of the keys, which end with the request's state.
const KEYS: &str = "premium-recorder.login.";

/// The longest time that a page may be away, in milliseconds: an hour.
const MAX_AWAY_MS: i64 = 3_600_000;

/// So many sign-ins without a response, one after another, are a loop. Up to ten frames of a tab may look the same: each may open
/// while the frames before it are away.
const MAX_WITHOUT_RESPONSE: usize = 12;

/// How long ago the page of the first one may have been opened, in milliseconds.
const MAX_LOOP_MS: i64 = 300_000;

/// A page may seem to be opened this many milliseconds before the last one was left, because browsers round their clocks.
const ROUNDING_MS: i64 = 5;

/// A request that has no response yet. Contains no token.
pub(super) struct StoredRequest(Parameters);

impl StoredRequest {
    /// Stores the request and what a redirect must restore, and leaves the page. Returns whether that was possible.
    pub(super) fn store_and_navigate(
        request: &AuthorizationRequest<'_>,
        ports: &impl Platform,
        url: &str,
        page_query: &[(String, String)],
    ) -> bool {
        StoredRequest::remove_old(ports);
        let item = Secret::from(ports.form(&[
            ("opened", &format!("{}", opened(ports))),
            ("began", &format!("{}", ports.wall_clock().as_millis())),
            ("state", &request.state),
            ("code_verifier", request.verifier.reveal()),
            ("login", request.environment.login().as_str()),
            ("api", request.environment.api().as_str()),
            ("target", request.org.as_ref().map_or("", OrgId::as_str)),
            ("client_id", &request.login.client_id),
            ("redirect_uri", &request.login.redirect_uri),
            ("query", &ports.form(&borrowed(page_query))),
            ("fragment", &ports.fragment()),
        ]));
        ports.store_and_navigate(url, &key(&request.state), item.reveal())
    }

    /// Takes the request with this state.
    pub(super) fn take(ports: &impl Platform, state: &str) -> Option<StoredRequest> {
        let request = StoredRequest(Parameters::parse(ports, ports.take_session_item(&key(state))?));
        (request.get("state") == state).then_some(request)
    }

    /// Takes the request that a refusal without a state is for. If it may be for several, takes none of them, and returns what they
    /// have in common.
    pub(super) fn take_refused(options: &LoginOptions, ports: &impl Platform) -> Option<StoredRequest> {
        StoredRequest::remove_old(ports);
        let mut requests = StoredRequest::all(ports);
        requests.retain(|(_, request)| request.get("redirect_uri") == options.redirect_uri && options.has_client(request.get("client_id")));
        let (key, mut request) = requests.pop()?;
        if requests.is_empty() {
            ports.take_session_item(&key);
            return Some(request);
        }
        let mut query = request.page_query(ports);
        for (_, other) in &requests {
            let others = other.page_query(ports);
            query.retain(|pair| others.contains(pair));
            request.0.keep_common(&other.0);
        }
        request.0.replace("query", &ports.form(&borrowed(&query)));
        Some(request)
    }

    /// Removes requests that never got a response.
    pub(super) fn remove_old(ports: &impl Platform) {
        let oldest = ports.wall_clock().as_millis().saturating_sub(MAX_AWAY_MS);
        for (key, request) in StoredRequest::all(ports) {
            if request.time("began") < oldest {
                ports.take_session_item(&key);
            }
        }
    }

    /// Fails if the page keeps coming back without a response: leaving again would not end. A frame cannot know its own requests.
    /// But a frame that comes back was opened when its last request began, or later.
    pub(super) fn ensure_responses_come(login: &Login, environment: &Environment, ports: &impl Platform) -> Result<(), Error> {
        let opened = opened(ports);
        let mut requests = StoredRequest::all(ports);
        requests.retain(|(_, request)| request.is_of(login, environment));
        let mut last_began = opened.saturating_sub(MAX_LOOP_MS);
        for _ in 0..MAX_WITHOUT_RESPONSE {
            let mut next_began = opened;
            for (_, request) in &requests {
                let (opened, began) = (request.time("opened"), request.time("began"));
                if began > last_began && opened.saturating_add(ROUNDING_MS) > last_began {
                    next_began = next_began.min(began);
                }
            }
            if next_began == opened {
                return Ok(());
            }
            last_began = next_began;
        }
        let message = format!("The page was opened {MAX_WITHOUT_RESPONSE} times after a sign-in, without its authorization response.");
        Err(not_ours(&message).with_hint(RESPONSE_DROPPED))
    }

    /// Every request of the tab, of every frame and client, with its key.
    fn all(ports: &impl Platform) -> Vec<(String, StoredRequest)> {
        let mut requests = Vec::new();
        for (key, item) in ports.session_items(KEYS) {
            requests.push((key, StoredRequest(Parameters::parse(ports, item))));
        }
        requests
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    /// A time by the wall clock, in milliseconds.
    fn time(&self, name: &str) -> i64 {
        number(self.get(name)).unwrap_or_default()
    }

    /// The organization that the request was for; `None` if the person decided.
    pub(super) fn org(&self) -> Option<OrgId> {
        OrgId::parse(self.get("target"))
    }

    /// The pairs of the query that the page had.
    pub(super) fn page_query(&self, ports: &impl Platform) -> Vec<(String, String)> {
        ports.parse_form(self.get("query"))
    }

    /// Whether the request was made with these settings.
    pub(super) fn is_of(&self, login: &Login, environment: &Environment) -> bool {
        self.get("login") == environment.login().as_str()
            && self.get("api") == environment.api().as_str()
            && self.get("client_id") == login.client_id
            && self.get("redirect_uri") == login.redirect_uri
    }
}

fn key(state: &str) -> String {
    format!("{KEYS}{state}")
}

/// When the page was opened, by the wall clock, in milliseconds.
fn opened(ports: &impl Platform) -> i64 {
    // The monotonic clock starts when the page is opened.
    ports.wall_clock().as_millis().saturating_sub(ports.now().since(Instant::from_millis(0)))
}
