//! What a page has come back with from a sign-in by redirect.

use std::any::Any;
use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::auth::authorization::{AuthorizationRequest, not_ours};
use crate::auth::login::{Login, LoginOptions};
use crate::auth::parameters::{Parameters, borrowed, value};
use crate::auth::ports::{Platform, TokenSharer};
use crate::auth::stored_request::StoredRequest;
use crate::model::environment::{Environment, Target};
use crate::model::error::{Code, Error};
use crate::model::ids::OrgId;
use crate::model::page::Page;
use crate::model::spelling::without_end;
use crate::token::access_token::IssuedToken;
use crate::token::org_token::OrgToken;
use crate::token::request::Request;

/// The hint if a second OAuth client of a page is to sign in by redirect.
const ONE_CLIENT: &str =
    "Only one OAuth client of a page can sign in by redirect. Set login.mode to \"popup\" for the others, or reload the page.";

/// Whether the page was opened with an authorization response, and what came of it.
#[derive(Clone, Default)]
pub struct Returned(Rc<ReturnedState>);

#[derive(Default)]
struct ReturnedState {
    outcome: RefCell<Option<Result<(), Error>>>,
    /// The response, until a recorder connects whose login requested it.
    response: RefCell<Option<AuthorizationResponse>>,
    /// The OAuth client that requested the response.
    client: RefCell<Option<String>>,
    /// The token, if the recorder that got it was closed before a call used it.
    unused: RefCell<Option<Unused>>,
}

/// A token that no recorder has any more.
struct Unused {
    /// The name of its login.
    login: String,
    token: Rc<OrgToken>,
    /// Hears when another page signs out.
    _hearing: Box<dyn Any>,
}

impl Returned {
    /// Notes that the page was opened with a response.
    pub(crate) fn note(&self) {
        self.0.outcome.replace(Some(Ok(())));
    }

    /// Notes that the response gave no token.
    pub(crate) fn note_failure(&self, error: &Error) {
        self.0.outcome.replace(Some(Err(error.clone())));
    }

    /// Whether the page was opened with a response. Fails if the response gave no token.
    pub(crate) fn outcome(&self) -> Result<bool, Error> {
        self.0.outcome.borrow().clone().map_or(Ok(false), |outcome| outcome.map(|()| true))
    }

    /// Takes an authorization response out of the page: its query is then what it was before the page was left. Keeps the response
    /// for the recorder whose login requested it.
    pub fn receive(&self, options: Option<&LoginOptions>, ports: &impl Platform, page: Option<&mut Page>) -> Result<(), Error> {
        let (Some(options), Some(page)) = (options, page) else { return Ok(()) };
        if options.mode.as_deref() != Some("redirect") || self.0.response.borrow().is_some() {
            return Ok(());
        }
        let path = options.redirect_uri.split('?').next().unwrap_or_default();
        // Servers add or remove a trailing slash.
        let is_redirect_uri = without_end(path, '/') == without_end(&page.address, '/');
        let has_error = value(&page.query, "error").is_some();
        if !is_redirect_uri || !(has_error || value(&page.query, "code").is_some()) {
            StoredRequest::remove_old(ports);
            return Ok(());
        }
        let request = match value(&page.query, "state") {
            Some(state) => StoredRequest::take(ports, state),
            None if !has_error => return Ok(()),
            // Some servers refuse without the state.
            None => match StoredRequest::take_refused(options, ports) {
                None => return Ok(()),
                request => request,
            },
        };
        let page_query = request.as_ref().map(|request| request.page_query(ports)).unwrap_or_default();
        let response = Parameters::new(std::mem::replace(&mut page.query, page_query));
        let query = if page.query.is_empty() { String::new() } else { format!("?{}", ports.form(&borrowed(&page.query))) };
        // A router may have set a fragment since the page came back.
        let fragment = match ports.fragment() {
            none if none.is_empty() => request.as_ref().map(|request| request.get("fragment").to_owned()).unwrap_or_default(),
            set => set,
        };
        ports.replace_address(&format!("{}{query}{fragment}", page.address));
        self.note();
        let Some(request) = request else {
            let error = not_ours("The page was opened with an authorization response that it did not request.");
            self.note_failure(&error);
            return Err(error);
        };
        self.0.client.replace(Some(request.get("client_id").to_owned()));
        self.0.response.replace(Some(AuthorizationResponse { response, request }));
        Ok(())
    }

    /// Takes the response, if it answers a request of this login.
    pub(crate) fn claim(&self, login: &Login, environment: &Environment) -> Option<AuthorizationResponse> {
        self.0.response.borrow_mut().take_if(|response| login.by_redirect && response.request.is_of(login, environment))
    }

    /// Fails if the page has come back from the sign-in of another OAuth client. The page would leave again and again: each time that
    /// it comes back, the tokens of the other client are gone.
    pub(super) fn ensure_no_other_client(&self, login: &Login) -> Result<(), Error> {
        if self.0.client.borrow().as_ref().is_none_or(|client| *client == login.client_id) {
            return Ok(());
        }
        let message = "The page has come back from a sign-in with another OAuth client, so it does not leave again.";
        Err(Error::new(Code::LoginBlocked, message).with_hint(ONE_CLIENT))
    }

    /// What forgets the unused token when another page signs out.
    pub(super) fn sharer(&self) -> Rc<dyn TokenSharer> {
        Rc::new(UnusedToken(Rc::downgrade(&self.0)))
    }

    /// Keeps a token that no call has used for the page's next recorder with the same login.
    pub(super) fn keep_unused(&self, login: String, token: Rc<OrgToken>, hearing: impl Any) {
        self.0.unused.replace(Some(Unused { login, token, _hearing: Box::new(hearing) }));
    }

    /// The unused token, if it is of this login and of one of these organizations.
    pub(super) fn take_unused(&self, login: &str, is_for: impl Fn(&Target) -> bool) -> Option<Rc<OrgToken>> {
        let unused = self.0.unused.borrow_mut().take_if(|unused| unused.login == login && is_for(unused.token.target()));
        unused.map(|unused| unused.token)
    }
}

/// The unused token, as shared with other pages.
struct UnusedToken(Weak<ReturnedState>);

impl TokenSharer for UnusedToken {
    fn share(&self) -> Option<IssuedToken> {
        None
    }

    fn forget(&self) {
        let unused = self.0.upgrade().and_then(|state| state.unused.take());
        drop(unused);
    }
}

/// An authorization response that the page was opened with, and the request that it answers.
pub(crate) struct AuthorizationResponse {
    response: Parameters,
    request: StoredRequest,
}

impl AuthorizationResponse {
    /// The organization that the request was for; `None` if the person decided.
    pub(crate) fn org(&self) -> Option<OrgId> {
        self.request.org()
    }

    /// The request that exchanges the response's code for a token. The response answers a request of this login.
    pub(crate) fn redemption(self, login: &Login, ports: &impl Platform, environment: &Rc<Environment>) -> Result<Box<Request>, Error> {
        let request = AuthorizationRequest {
            state: self.request.get("state").to_owned(),
            verifier: self.request.get("code_verifier").to_owned().into(),
            environment: environment.clone(),
            org: self.org(),
            login,
        };
        request.redemption(ports, &self.response).map_err(|error| error.for_org_if_named(request.org.as_ref()))
    }
}
