//! Signing in: authorization code with PKCE (RFC 7636), in a window or by leaving the page, for one organization.

use std::pin::pin;
use std::rc::Rc;

use base64ct::{Base64UrlUnpadded, Encoding};
use futures_util::future::{Either, select};
use zeroize::Zeroize;

use crate::cloud::Cloud;
use crate::environment::Environment;
use crate::error::{Cause, Code, Error};
use crate::grant::{Target, token_request};
use crate::org::OrgId;
use crate::ports::{Answer, Ports, SignInWindow};
use crate::secret::Secret;
use crate::settings::timeout;
use crate::timestamp::Timestamp;
use crate::token::{AccessToken, RefreshToken};

/// The longest time that a person may take, in milliseconds, unless the app says otherwise.
const DEFAULT_TIMEOUT: u32 = 120_000;

/// How often an open window is looked at, in milliseconds, and how long an answer may still be on its way when it is closed.
const LOOK: u32 = 250;
const GRACE: u32 = 2_000;

/// What `login` was told, not looked at yet.
#[derive(Clone, Default)]
pub struct LoginOptions {
    /// The OAuth client's id, for every environment.
    pub client_id: Option<String>,
    /// The OAuth clients' ids, by the environment's name.
    pub client_ids: Option<Vec<(String, String)>>,
    /// Where the login origin sends the answer.
    pub redirect_uri: String,
    /// `popup` or `redirect`.
    pub mode: Option<String>,
    /// `login`, or nothing.
    pub prompt: Option<String>,
    /// Who is expected to sign in.
    pub login_hint: Option<String>,
    /// `drop` or `file`.
    pub wrong_org: Option<String>,
    /// The longest time that a person may take, in milliseconds.
    pub timeout: Option<f64>,
}

/// How the page gets to the sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In a window of its own.
    Popup,
    /// By leaving the page, and coming back.
    Redirect,
}

/// How to sign in, in one environment.
#[derive(Clone, Debug)]
pub struct Login {
    client_id: String,
    redirect_uri: String,
    mode: Mode,
    prompts: bool,
    login_hint: Option<String>,
    files_wrong_org: bool,
    timeout: u32,
}

impl Login {
    /// Decides. `page_origin`: the origin of the page, to which every answer must come back.
    pub fn decide(options: LoginOptions, environment: &Environment, page_origin: Option<&str>) -> Result<Login, Error> {
        let client_id = match (options.client_id, options.client_ids) {
            (Some(id), None) => id,
            (None, Some(ids)) => {
                let of_environment = ids.into_iter().find(|(name, _)| name == environment.name());
                let missing = || bad(format!("login.clientIds has none for the environment \"{}\".", environment.name()));
                of_environment.map(|(_, id)| id).ok_or_else(missing)?
            }
            _ => return Err(bad("login needs either clientId or clientIds.")),
        };
        if client_id.is_empty() {
            return Err(bad("login: the client id is empty."));
        }
        let on_page = page_origin.and_then(|origin| options.redirect_uri.strip_prefix(origin));
        if !on_page.is_some_and(is_plain_address) {
            return Err(bad(
                "login.redirectUri must be an absolute URL on this page's own origin, as the browser shows it, without a fragment.",
            ));
        }
        Ok(Login {
            client_id,
            redirect_uri: options.redirect_uri,
            mode: one_of("login.mode", options.mode, &[("popup", Mode::Popup), ("redirect", Mode::Redirect)])?,
            prompts: options.prompt.map_or(Ok(false), |prompt| one_of("login.prompt", Some(prompt), &[("login", true)]))?,
            login_hint: options.login_hint,
            files_wrong_org: one_of("login.wrongOrg", options.wrong_org, &[("drop", false), ("file", true)])?,
            timeout: options.timeout.map_or(Ok(DEFAULT_TIMEOUT), |millis| timeout("login.timeoutMs", millis))?,
        })
    }

    /// The OAuth client's id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// How the page gets to the sign-in.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Who is expected to sign in, or nothing.
    pub fn login_hint(&self) -> &str {
        self.login_hint.as_deref().unwrap_or_default()
    }

    /// Whether somebody is always asked.
    pub fn prompts(&self) -> bool {
        self.prompts
    }

    /// Whether a token of another organization than the one that was asked for is kept for its own.
    pub fn files_wrong_org(&self) -> bool {
        self.files_wrong_org
    }

    /// Lets somebody sign in, in this window.
    pub(crate) async fn in_window<P: Ports>(&self, ports: &P, target: &Target, window: P::Window) -> Result<Authorized, Error> {
        let transaction = Transaction::begin(self, ports, target).await?;
        window.show(&transaction.authorize_url(self, ports));
        let query = Secret::from(self.response(ports, &window).await?);
        let code = transaction.code(&ports.parse_form(query.reveal()))?;
        Ok(Authorized { transaction, code })
    }

    /// Leaves the page for the sign-in. If all goes well, nobody is left to see how this ends.
    pub(crate) async fn leave<P: Ports>(&self, ports: &P, target: &Target, page_query: &[(String, String)]) -> Error {
        let transaction = match Transaction::begin(self, ports, target).await {
            Ok(transaction) => transaction,
            Err(error) => return error,
        };
        forget_old_memos(ports);
        let memo = transaction.memo(ports, page_query);
        if !ports.leave(&transaction.authorize_url(self, ports), &memo_key(&transaction.state), memo.reveal()) {
            return Error::new(Code::LoginBlocked, "The page can not keep what it needs to come back: it has no sessionStorage.");
        }
        ports.wait(self.timeout).await;
        self.timed_out()
    }

    async fn response<P: Ports>(&self, ports: &P, window: &P::Window) -> Result<String, Error> {
        let is_closed = async {
            while !window.is_closed() {
                ports.wait(LOOK).await;
            }
            // The window closes itself with its last word, which may still be on its way.
            ports.wait(GRACE).await;
        };
        let (is_closed, time_over) = (pin!(is_closed), pin!(ports.wait(self.timeout)));
        let ended = select(is_closed, time_over);
        match select(pin!(window.response()), ended).await {
            Either::Left((query, _)) => Ok(query),
            Either::Right((Either::Left(_), _)) => Err(Error::new(Code::LoginCancelled, "The sign-in window was closed.")),
            Either::Right((Either::Right(_), _)) => Err(self.timed_out()),
        }
    }

    fn timed_out(&self) -> Error {
        Error::new(Code::LoginTimeout, format!("Nobody signed in within {} ms.", self.timeout))
    }
}

/// Whether a URL parser leaves this path, with its query, as it is.
fn is_plain_address(address: &str) -> bool {
    let path = address.split('?').next().unwrap_or_default();
    path.starts_with('/')
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
        && address.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\\\"<>^`{|}".contains(&byte))
}

/// The words that an option may have, the first of them being its default.
fn one_of<T: Copy>(name: &str, word: Option<String>, words: &[(&str, T)]) -> Result<T, Error> {
    let chosen = match &word {
        Some(word) => words.iter().find(|(other, _)| other == word),
        None => words.first(),
    };
    chosen.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        bad(format!("{name} must be one of: {}.", words.join(", ")))
    })
}

/// An authorization request that was begun, and what its answer must fit.
struct Transaction {
    state: String,
    verifier: Secret,
    challenge: Option<String>,
    environment: Rc<Environment>,
    org: OrgId,
    client_id: String,
    redirect_uri: String,
}

impl Transaction {
    async fn begin(login: &Login, ports: &impl Ports, target: &Target) -> Result<Transaction, Error> {
        let no_crypto = || Error::new(Code::InsecureOrigin, "This page has no Web Crypto, since it is not a secure context.");
        let random = || ports.random().map(|bytes| Base64UrlUnpadded::encode_string(&bytes)).ok_or_else(no_crypto);
        let verifier = Secret::from(random()?);
        let digest = ports.sha256(verifier.reveal().as_bytes()).await.ok_or_else(no_crypto)?;
        Ok(Transaction {
            state: random()?,
            verifier,
            challenge: Some(Base64UrlUnpadded::encode_string(&digest)),
            environment: target.environment.clone(),
            org: target.org.clone(),
            client_id: login.client_id.clone(),
            redirect_uri: login.redirect_uri.clone(),
        })
    }

    fn authorize_url(&self, login: &Login, ports: &impl Ports) -> String {
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("code_challenge_method", "S256"),
            ("code_challenge", self.challenge.as_deref().unwrap_or_default()),
            ("state", &self.state),
            ("target", self.org.as_str()),
        ];
        query.extend(login.prompts.then_some(("prompt", "login")));
        query.extend(login.login_hint.as_deref().map(|hint| ("login_hint", hint)));
        format!("{}/oauth/authorize?{}", self.environment.login(), ports.form(&query))
    }

    /// The code of an authorization response that answers this request.
    fn code(&self, response: &[(String, String)]) -> Result<Secret, Error> {
        if value(response, "state") != Some(&self.state) {
            return Err(not_ours("The authorization response has another state than the request.").about(&self.org));
        }
        if let Some(error) = value(response, "error") {
            let description = value(response, "error_description").unwrap_or_default();
            let code = match error {
                "server_error" | "temporarily_unavailable" => Code::CloudUnavailable,
                _ => Code::LoginDenied,
            };
            let words = format!("{error}: {description}");
            return Err(Error::new(code, format!("The login origin answered {error}.")).caused_by(Cause::Cloud(words)).about(&self.org));
        }
        match value(response, "code") {
            Some(code) if !code.is_empty() => Ok(code.to_owned().into()),
            _ => {
                let message = "The authorization response has neither a code nor an error.";
                Err(Error::new(Code::UnexpectedAnswer, message).about(&self.org))
            }
        }
    }

    /// What has to be known when the page comes back. No token is in it.
    fn memo(&self, ports: &impl Ports, page_query: &[(String, String)]) -> Secret {
        let page_query: Vec<_> = page_query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        ports
            .form(&[
                ("began", &ports.now().as_millis().to_string()),
                ("state", &self.state),
                ("code_verifier", self.verifier.reveal()),
                ("login", self.environment.login().as_str()),
                ("target", self.org.as_str()),
                ("client_id", &self.client_id),
                ("redirect_uri", &self.redirect_uri),
                ("query", &ports.form(&page_query)),
            ])
            .into()
    }
}

/// A request that was answered with a code.
pub(crate) struct Authorized {
    transaction: Transaction,
    code: Secret,
}

impl Authorized {
    /// Gives the code for a token, at the login origin that the request was made to.
    pub(crate) async fn exchange<P: Ports>(self, cloud: &Cloud<P>) -> Result<TokenResponse, Error> {
        let Authorized { transaction, code } = self;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("code_verifier", transaction.verifier.reveal()),
            ("client_id", &transaction.client_id),
            ("redirect_uri", &transaction.redirect_uri),
        ];
        TokenResponse::to(cloud, &transaction.environment, &form, &[&code, &transaction.verifier]).await
    }
}

/// Where a request is kept while the page is away: by its state, which the response brings back.
const MEMOS: &str = "premium-recorder.login.";

/// The longest time that a page may be away, in milliseconds: an hour.
const OLDEST_MEMO: i64 = 3_600_000;

/// Forgets the requests of those who went to sign in and never came back.
fn forget_old_memos(ports: &impl Ports) {
    let oldest = ports.now().as_millis().saturating_sub(OLDEST_MEMO);
    for (key, memo) in ports.memos(MEMOS) {
        let memo = ports.parse_form(Secret::from(memo).reveal());
        let began = value(&memo, "began").and_then(|began| began.parse::<i64>().ok());
        if began.is_none_or(|began| began < oldest) {
            ports.take_memo(&key);
        }
    }
}

fn memo_key(state: &str) -> String {
    format!("{MEMOS}{state}")
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The page as it was opened.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Its origin.
    pub origin: String,
    /// Its address without query and fragment.
    pub address: String,
    /// The decoded pairs of its query.
    pub query: Vec<(String, String)>,
}

/// An authorization response that the page was opened with, and the request that it answers.
pub struct Returned {
    response: Vec<(String, String)>,
    memo: Vec<(String, String)>,
}

impl Returned {
    /// Takes the response out of the page: its query is then what it was before the page was left.
    pub fn take(options: Option<&LoginOptions>, ports: &impl Ports, page: Option<&mut Page>) -> Result<Option<Returned>, Error> {
        let (Some(options), Some(page)) = (options, page) else { return Ok(None) };
        let has = |name: &str| value(&page.query, name).is_some();
        let path = options.redirect_uri.split('?').next().unwrap_or_default();
        if options.mode.as_deref() != Some("redirect") || path != page.address || !has("state") || !(has("code") || has("error")) {
            return Ok(None);
        }
        let state = value(&page.query, "state").unwrap_or_default();
        let memo = ports.take_memo(&memo_key(state)).map(Secret::from);
        let memo = memo.map(|memo| ports.parse_form(memo.reveal())).unwrap_or_default();
        let query = ports.parse_form(value(&memo, "query").unwrap_or_default());
        let response = std::mem::replace(&mut page.query, query);
        let pairs: Vec<_> = page.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let address = if pairs.is_empty() { page.address.clone() } else { format!("{}?{}", page.address, ports.form(&pairs)) };
        ports.replace_address(&address);
        if memo.is_empty() {
            return Err(not_ours("The page was opened with an authorization response that nobody here waits for."));
        }
        Ok(Some(Returned { response, memo }))
    }

    /// Gives the response's code for a token, if it answers a request that was made with the same settings.
    pub(crate) async fn exchange<P: Ports>(
        self,
        login: &Login,
        cloud: &Cloud<P>,
        environment: &Rc<Environment>,
    ) -> Result<(OrgId, TokenResponse), Error> {
        let memo = |name: &str| value(&self.memo, name).unwrap_or_default();
        let is_same = memo("login") == environment.login().as_str()
            && memo("client_id") == login.client_id
            && memo("redirect_uri") == login.redirect_uri;
        let org = OrgId::parse(memo("target")).filter(|_| is_same);
        let org = org.ok_or_else(|| not_ours("The sign-in was begun at another login origin or with another OAuth client."))?;
        let transaction = Transaction {
            state: memo("state").to_owned(),
            verifier: memo("code_verifier").to_owned().into(),
            challenge: None,
            environment: environment.clone(),
            org: org.clone(),
            client_id: login.client_id.clone(),
            redirect_uri: login.redirect_uri.clone(),
        };
        let code = transaction.code(&self.response)?;
        Ok((org, Authorized { transaction, code }.exchange(cloud).await?))
    }
}

impl Drop for Returned {
    fn drop(&mut self) {
        self.response.iter_mut().chain(&mut self.memo).for_each(|(_, value)| value.zeroize());
    }
}

/// What the token endpoint gave.
pub(crate) struct TokenResponse {
    pub(crate) access_token: AccessToken,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) refresh_token: Option<RefreshToken>,
}

impl TokenResponse {
    /// Gives a refresh token for another access token.
    pub(crate) async fn refreshed<P: Ports>(
        login: &Login,
        cloud: &Cloud<P>,
        environment: &Environment,
        token: &RefreshToken,
    ) -> Result<TokenResponse, Error> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.secret().reveal()), ("client_id", &login.client_id)];
        let mut response = TokenResponse::to(cloud, environment, &form, &[token.secret()]).await?;
        // Without rotation the old one stays good.
        response.refresh_token.get_or_insert_with(|| token.clone());
        Ok(response)
    }

    async fn to<P: Ports>(
        cloud: &Cloud<P>,
        environment: &Environment,
        form: &[(&str, &str)],
        secrets: &[&Secret],
    ) -> Result<TokenResponse, Error> {
        let asked_at = cloud.ports().now();
        let request = token_request(environment, cloud.ports().form(form));
        let mut answer = cloud.send(request).await.map_err(|lost| {
            let mut error = Error::new(Code::Network, "The login origin's token endpoint did not answer.").caused_by(lost.cause);
            error.evidence.status = lost.status;
            error
        })?;
        if answer.status != 200 {
            secrets.iter().for_each(|secret| answer.strike_out(secret, |text| cloud.ports().parse_json(text)));
            return Err(refused(answer));
        }
        let response = TokenResponse::from_answer(&answer, asked_at);
        answer.body.zeroize();
        answer.json.zeroize();
        response
    }

    /// Counts the token's life from when it was asked for: it may have begun then.
    fn from_answer(answer: &Answer, asked_at: Timestamp) -> Result<TokenResponse, Error> {
        let token = answer.json.text("access_token").map(AccessToken::parse);
        let no_token = || Error::new(Code::UnexpectedAnswer, "The login origin's token endpoint gave no access token.");
        Ok(TokenResponse {
            access_token: token.ok_or_else(no_token)??,
            expires_at: answer.json.number("expires_in").map(|seconds| asked_at.after_seconds(seconds as f64)),
            refresh_token: answer.json.text("refresh_token").map(|text| RefreshToken::new(text.to_owned().into())),
        })
    }
}

/// The token endpoint's "no" (RFC 6749 §5.2).
fn refused(mut answer: Answer) -> Error {
    let code = match answer.status {
        429 => Code::RateLimited,
        408 | 500..=599 => Code::CloudUnavailable,
        400..=499 => Code::LoginDenied,
        _ => Code::UnexpectedAnswer,
    };
    let word = answer.json.text("error").unwrap_or("no error that can be read");
    let error = Error::new(code, format!("The login origin's token endpoint answered {}: {word}", answer.status));
    if answer.status < 300 {
        // Whatever this is, there may be a token in it.
        answer.body.zeroize();
        answer.json.zeroize();
    }
    error.answered_by(answer)
}

fn not_ours(message: &str) -> Error {
    Error::new(Code::LoginStateMismatch, message)
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(Code::BadArgument, message)
}
