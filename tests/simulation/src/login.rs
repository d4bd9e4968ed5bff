//! People who sign in, in a window or on a page of the login origin, and what the token endpoint gives.

use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use form_urlencoded::parse;
use premium_recorder::auth::ports::SignInWindow;
use sha2::{Digest, Sha256};

use crate::clock::Event;
use crate::cloud::Reply;
use crate::repeat::has_token;
use crate::schedule::{SignIn, Signed};
use crate::signal::Signal;
use crate::token::{Tokens, org_number};
use crate::world::World;

/// The origin of the pages.
pub const ORIGIN: &str = "https://app.example";

/// The address of every page, to which a sign-in by redirect comes back.
pub const ADDRESS: &str = "https://app.example/app";

/// The address to which a sign-in in a window comes back.
pub const CALLBACK: &str = "https://app.example/callback.html";

/// The OAuth client's id.
pub const CLIENT_ID: &str = "client";

/// The query with which every page is opened.
pub const QUERY: (&str, &str) = ("customer", "42");

/// How long a window's last word is on its way when the window is closed, in milliseconds.
const LAST_WORD: i64 = 3;

/// The login origin of an environment.
pub fn login(environment: u8) -> &'static str {
    if environment == 0 { "https://login.one.example" } else { "https://login.two.example" }
}

/// What the login origins and the windows are at.
#[derive(Default)]
pub struct Logins {
    windows: Vec<Window>,
    codes: Vec<Code>,
    refresh_tokens: Vec<Refresh>,
    verifiers: Vec<String>,
    /// `sessionStorage`, with the tab that each item is of.
    stored: Vec<(usize, String, String)>,
}

struct Window {
    recorder: usize,
    environment: u8,
    sign_in: SignIn,
    opened: i64,
    /// The organization to sign in to, once the window shows the login page.
    org: Option<u8>,
    /// What comes back, once somebody has signed in.
    response: Option<String>,
    is_closed: bool,
    /// When the library closed it.
    dropped: Option<i64>,
    answered: Signal,
}

/// An authorization code.
struct Code {
    environment: u8,
    challenge: String,
    redirect_uri: String,
    /// The organization that was asked for.
    org: Option<u8>,
    sign_in: SignIn,
    /// Whether the response had the state of its request.
    is_of_state: bool,
    is_sent: bool,
    is_used: bool,
}

struct Refresh {
    environment: u8,
    owner: u8,
    sign_in: SignIn,
    is_used_up: bool,
    /// Whether the library has one in its place.
    is_replaced: bool,
}

/// What the token endpoint is asked for.
#[derive(Clone, Debug)]
pub enum Exchange {
    /// A token for a code.
    Code {
        /// The code.
        code: String,
        /// `code_verifier`.
        verifier: String,
        /// `redirect_uri`.
        redirect_uri: String,
    },
    /// A token for a refresh token.
    Refresh {
        /// The refresh token.
        token: String,
    },
    /// Something else.
    Other,
}

impl Exchange {
    /// Reads a form.
    pub fn read(form: &str) -> Exchange {
        let pairs: Vec<_> = parse(form.as_bytes()).collect();
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_string()).unwrap_or_default();
        match value("grant_type").as_str() {
            _ if value("client_id") != CLIENT_ID => Exchange::Other,
            "authorization_code" => {
                Exchange::Code { code: value("code"), verifier: value("code_verifier"), redirect_uri: value("redirect_uri") }
            }
            "refresh_token" => Exchange::Refresh { token: value("refresh_token") },
            _ => Exchange::Other,
        }
    }

    /// The secret that it carries.
    pub fn secret(&self) -> &str {
        match self {
            Exchange::Code { code, .. } => code,
            Exchange::Refresh { token } => token,
            Exchange::Other => "",
        }
    }
}

fn number_of(text: &str, kind: &str) -> Option<usize> {
    text.strip_prefix(kind)?.parse().ok()
}

const CODE: &str = "secret-code-";
const REFRESH_TOKEN: &str = "refresh-token-";

impl Logins {
    /// How many windows are open.
    pub fn windows(&self) -> usize {
        self.windows.iter().filter(|window| window.dropped.is_none()).count()
    }

    /// How long windows were open from `since` until `end` for people who sign in to this organization. `may_be`: those count
    /// as well of which nobody knows for which organization they are. `clock`: measures the time.
    pub fn time_of(&self, recorder: usize, org: Option<u8>, (since, end): (i64, i64), clock: impl Fn(i64) -> i64, may_be: bool) -> i64 {
        let is_of = |window: &&Window| {
            let is_of_org = if may_be { window.org.is_none() || org.is_none() } else { false };
            window.recorder == recorder && (is_of_org || (window.org.is_some() && window.org == org))
        };
        let time = |window: &Window| clock(window.dropped.unwrap_or(end).min(end)) - clock(window.opened.max(since));
        self.windows.iter().filter(is_of).map(|window| time(window).max(0)).sum()
    }

    /// Whether a text has a verifier in it.
    fn has_verifier(&self, text: &str) -> bool {
        self.verifiers.iter().any(|verifier| text.contains(verifier))
    }

    /// Answers a request to the token endpoint.
    /// Returns the organization as well that the token decides on, if none was asked for.
    fn answer(&mut self, environment: u8, exchange: &Exchange, keeps: bool, tokens: &mut Tokens, now: i64) -> (Reply, Option<u8>) {
        let refusal = || {
            let body = r#"{"error":"invalid_grant","error_description":"It is not good."}"#;
            (Reply { status: 400, body: body.to_owned() }, None)
        };
        let (owner, base, sign_in, last) = match exchange {
            Exchange::Code { code, verifier, redirect_uri } => {
                let Some(code) = number_of(code, CODE).and_then(|number| self.codes.get_mut(number)) else { return refusal() };
                let challenge = Base64UrlUnpadded::encode_string(&sha256(verifier.as_bytes()));
                let fits = code.environment == environment && code.challenge == challenge && code.redirect_uri == *redirect_uri;
                if !fits || std::mem::replace(&mut code.is_used, true) {
                    return refusal();
                }
                (code.sign_in.token.owner, code.org, code.sign_in.clone(), None)
            }
            Exchange::Refresh { token } => {
                let number = number_of(token, REFRESH_TOKEN);
                let Some(refresh) = number.and_then(|number| self.refresh_tokens.get_mut(number)) else { return refusal() };
                if refresh.environment != environment || refresh.is_used_up {
                    return refusal();
                }
                refresh.is_used_up = !keeps;
                (0, Some(refresh.owner), refresh.sign_in.clone(), number)
            }
            Exchange::Other => return refusal(),
        };
        let token = crate::schedule::Token { owner, elsewhere: false, ..sign_in.token };
        let number = tokens.issue(&token, base.unwrap_or_default(), environment, now);
        let owner = tokens.get(number).owner;
        let decides = base.is_none().then_some(owner);
        let text = tokens.give(number, environment);
        let expires = sign_in.token.life.filter(|_| sign_in.token.is_told).map(|life| format!(r#","expires_in":{life}"#));
        let refresh_token = if sign_in.refreshes && !(keeps && last.is_some()) {
            self.refresh_tokens.push(Refresh { environment, owner, sign_in, is_used_up: false, is_replaced: false });
            Some(format!(r#","refresh_token":"{REFRESH_TOKEN}{}""#, self.refresh_tokens.len() - 1))
        } else {
            None
        };
        let (expires, refresh_token) = (expires.unwrap_or_default(), refresh_token.unwrap_or_default());
        let body = format!(r#"{{"access_token":"{text}","token_type":"bearer"{expires}{refresh_token}}}"#);
        (Reply { status: 200, body }, decides)
    }
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

impl World {
    /// Whether a text has a secret in it, whichever it is.
    pub fn has_secret(&self, text: &str) -> bool {
        has_token(text) || self.logins.borrow().has_verifier(text)
    }

    /// A verifier is hashed.
    pub fn verifier(&self, bytes: &[u8]) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            self.logins.borrow_mut().verifiers.push(text.to_owned());
        }
    }

    /// Opens a window, if nothing blocks it.
    pub fn open_window(self: &Rc<Self>, recorder: usize, environment: u8) -> Option<PageWindow> {
        self.act();
        let sign_in = self.next_sign_in();
        if sign_in.what == Signed::Blocked {
            self.see("sign-in", "blocked");
            return None;
        }
        let mut logins = self.logins.borrow_mut();
        let number = logins.windows.len();
        self.log(|| format!("recorder {recorder}: opens window {number}: {sign_in:?}"));
        if sign_in.what == Signed::Closed {
            self.clock.after(1 + i64::from(sign_in.after), Event::SignIn(number));
        }
        logins.windows.push(Window {
            recorder,
            environment,
            sign_in,
            opened: self.now(),
            org: None,
            response: None,
            is_closed: false,
            dropped: None,
            answered: Signal::default(),
        });
        Some(PageWindow { world: self.clone(), number })
    }

    /// The person in front of a window does what the schedule says.
    pub fn signs_in(&self, number: usize) {
        let mut logins = self.logins.borrow_mut();
        let window = &mut logins.windows[number];
        if window.dropped.is_some() {
            return;
        }
        // The callback page closes its window with its last word.
        window.is_closed = true;
        if window.sign_in.what == Signed::Closed {
            self.see("sign-in", "closed");
        } else {
            self.clock.after(LAST_WORD, Event::Response(number));
        }
        self.log(|| format!("window {number} is closed"));
    }

    /// A window's last word arrives.
    pub fn responds(&self, number: usize) {
        let logins = self.logins.borrow();
        let window = &logins.windows[number];
        if window.dropped.is_none() {
            self.log(|| format!("window {number} says {}", window.response.as_deref().unwrap_or_default()));
            window.answered.give();
        }
    }

    /// Checks an authorization request, and gives what will come back: `None` if nobody answers.
    fn authorizes(&self, environment: u8, url: &str, redirect_uri: &str, sign_in: &SignIn) -> (Option<u8>, Option<String>) {
        let Some(query) = url.strip_prefix(login(environment)).and_then(|rest| rest.strip_prefix("/oauth/authorize?")) else {
            self.broken("ORIGIN", || format!("a sign-in went to {url}"));
            return (None, None);
        };
        let pairs: Vec<(String, String)> = parse(query.as_bytes()).into_owned().collect();
        let public = [
            "response_type",
            "client_id",
            "redirect_uri",
            "code_challenge_method",
            "code_challenge",
            "state",
            "target",
            "prompt",
            "login_hint",
        ];
        let is_odd = |(name, value): &(String, String)| !public.contains(&name.as_str()) || self.is_secret(value);
        if let Some((name, value)) = pairs.iter().find(|pair| is_odd(pair)) {
            self.broken("NO LEAK", || format!("a sign-in's URL has {name}={value}"));
        }
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let (state, org) = (value("state"), org_number(value("target")));
        if value("response_type") != "code" || value("code_challenge_method") != "S256" || value("redirect_uri") != redirect_uri {
            self.broken("SIGN-IN", || format!("a sign-in is asked for in an odd way: {url}"));
        }
        let code = |is_of_state: bool| {
            let mut logins = self.logins.borrow_mut();
            logins.codes.push(Code {
                environment,
                challenge: value("code_challenge").to_owned(),
                redirect_uri: redirect_uri.to_owned(),
                org,
                sign_in: sign_in.clone(),
                is_of_state,
                is_sent: false,
                is_used: false,
            });
            format!("{CODE}{}", logins.codes.len() - 1)
        };
        let form = |pairs: &[(&str, &str)]| Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
        let response = match sign_in.what {
            Signed::Granted => form(&[("code", &code(true)), ("state", state)]),
            Signed::OtherState => form(&[("code", &code(false)), ("state", "another")]),
            Signed::Denied => form(&[("error", "access_denied"), ("error_description", "No."), ("state", state)]),
            Signed::Fails => form(&[("error", "server_error"), ("state", state)]),
            Signed::Nothing => form(&[("state", state)]),
            Signed::Closed | Signed::LeftAlone | Signed::Blocked => None,
        };
        self.see(
            "sign-in",
            match sign_in.what {
                Signed::Granted => "granted",
                Signed::OtherState => "with another state",
                Signed::Denied => "denied",
                Signed::Fails => "failed",
                Signed::Nothing => "without a code",
                Signed::Closed => "closed",
                Signed::LeftAlone => "left alone",
                Signed::Blocked => "blocked",
            },
        );
        (org, response)
    }

    fn is_secret(&self, text: &str) -> bool {
        has_whole_token(text) || self.logins.borrow().has_verifier(text)
    }

    /// A page is left for a sign-in. Says whether it could keep what it needs to come back.
    pub fn leaves(&self, recorder: usize, tab: usize, environment: u8, url: &str, (key, memo): (&str, &str)) -> bool {
        self.act();
        let sign_in = self.next_sign_in();
        self.log(|| format!("recorder {recorder}: leaves for {url}: {sign_in:?}"));
        if sign_in.what == Signed::Blocked {
            self.see("sign-in", "blocked");
            return false;
        }
        if has_whole_token(memo) || self.is_secret(key) {
            self.broken("NO LEAK", || format!("it is kept under {key}: {memo}"));
        }
        let (_, response) = self.authorizes(environment, url, ADDRESS, &sign_in);
        self.logins.borrow_mut().stored.push((tab, key.to_owned(), memo.to_owned()));
        let after = 1 + i64::from(sign_in.after);
        self.clock.after(1, Event::Leaves { recorder, tab, returns: response.map(|query| (after, query)) });
        true
    }

    /// Takes an item out of a tab's `sessionStorage`.
    pub fn take_stored(&self, tab: usize, key: &str) -> Option<String> {
        let mut logins = self.logins.borrow_mut();
        let at = logins.stored.iter().rposition(|(of, other, _)| *of == tab && other == key)?;
        let (_, _, memo) = logins.stored.remove(at);
        logins.stored.retain(|(of, other, _)| !(*of == tab && other == key));
        Some(memo)
    }

    /// The items of a tab's `sessionStorage` whose keys begin so.
    pub fn stored(&self, tab: usize, prefix: &str) -> Vec<(String, String)> {
        let logins = self.logins.borrow();
        let of_tab = logins.stored.iter().filter(|(of, key, _)| *of == tab && key.starts_with(prefix));
        of_tab.map(|(_, key, memo)| (key.clone(), memo.clone())).collect()
    }

    /// Answers a request to the token endpoint.
    pub fn exchanges(&self, environment: u8, exchange: &Exchange) -> Reply {
        let clouds = self.clouds.borrow();
        let cloud = &clouds[usize::from(environment)];
        let keeps = cloud.setup().keeps_refresh_tokens;
        let now = cloud.time(self.now());
        let (reply, decides) = self.logins.borrow_mut().answer(environment, exchange, keeps, &mut self.tokens.borrow_mut(), now);
        if let Some(org) = decides {
            self.decides(environment, org);
        }
        reply
    }

    /// A request to the token endpoint is sent to this origin.
    pub fn exchange_sent(&self, number: usize, environment: u8, exchange: &Exchange, origin: &str, url: &str) {
        let own = login(environment);
        if origin != own || url.strip_prefix(own) != Some("/oauth/token") {
            self.broken("ORIGIN", || format!("request {number} went to {url} with a code or a refresh token"));
        }
        let mut logins = self.logins.borrow_mut();
        let of = match exchange {
            Exchange::Code { code, .. } => {
                let Some(code) = number_of(code, CODE).and_then(|number| logins.codes.get_mut(number)) else {
                    return self.broken("SIGN-IN", || format!("request {number} carries a code that nobody gave"));
                };
                if !code.is_of_state {
                    self.broken("SIGN-IN", || format!("request {number} carries a code that came with another state"));
                }
                if std::mem::replace(&mut code.is_sent, true) {
                    self.broken("SIGN-IN", || format!("request {number} carries a code that was sent before"));
                }
                code.environment
            }
            Exchange::Refresh { token } => {
                let Some(refresh) = number_of(token, REFRESH_TOKEN).and_then(|number| logins.refresh_tokens.get(number)) else {
                    return self.broken("SIGN-IN", || format!("request {number} carries a refresh token that nobody gave"));
                };
                if refresh.is_replaced {
                    self.broken("SIGN-IN", || format!("request {number} carries {token}, in whose place the library was given another"));
                }
                refresh.environment
            }
            Exchange::Other => return self.broken("SIGN-IN", || format!("request {number} asks the token endpoint in an odd way")),
        };
        if of != environment {
            self.broken("ORIGIN", || format!("request {number} carries a code or a refresh token of environment {of}"));
        }
    }

    /// The library has the token endpoint's answer.
    pub fn exchange_answered(&self, exchange: &Exchange, body: &str) {
        self.see("token endpoint", if matches!(exchange, Exchange::Code { .. }) { "for a code" } else { "for a refresh token" });
        if let (Exchange::Refresh { token }, true) = (exchange, body.contains(r#""refresh_token":"#))
            && let Some(number) = number_of(token, REFRESH_TOKEN)
        {
            self.logins.borrow_mut().refresh_tokens[number].is_replaced = true;
            self.see("refresh token", "replaced");
        }
    }
}

/// Whether a text that has random parts has a token or a code in it. A random part may look like a part of one.
fn has_whole_token(text: &str) -> bool {
    ["opaque-token", CODE, REFRESH_TOKEN, "eyJhbGciOi"].iter().any(|part| text.contains(part))
}

/// A window in which somebody signs in. Closed when dropped.
pub struct PageWindow {
    world: Rc<World>,
    number: usize,
}

impl SignInWindow for PageWindow {
    fn show(&self, url: &str) {
        self.world.act();
        let (environment, sign_in) = {
            let logins = self.world.logins.borrow();
            let window = &logins.windows[self.number];
            (window.environment, window.sign_in.clone())
        };
        self.world.log(|| format!("window {} shows {url}", self.number));
        let (org, response) = self.world.authorizes(environment, url, CALLBACK, &sign_in);
        let mut logins = self.world.logins.borrow_mut();
        let window = &mut logins.windows[self.number];
        window.org = org;
        window.response = response;
        if window.response.is_some() {
            self.world.clock.after(1 + i64::from(sign_in.after), Event::SignIn(self.number));
        }
    }

    async fn response(&self) -> String {
        let answered = self.world.logins.borrow().windows[self.number].answered.clone();
        answered.given().await;
        self.world.logins.borrow().windows[self.number].response.clone().unwrap_or_default()
    }

    fn address(&self) -> Option<String> {
        None
    }

    fn is_closed(&self) -> bool {
        self.world.logins.borrow().windows[self.number].is_closed
    }
}

impl Drop for PageWindow {
    fn drop(&mut self) {
        self.world.act();
        let now = self.world.now();
        self.world.logins.borrow_mut().windows[self.number].dropped = Some(now);
    }
}
