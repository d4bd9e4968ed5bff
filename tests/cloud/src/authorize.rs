//! The authorization endpoint (RFC 6749, section 4.1.1, with RFC 7636 and the platform's own parameters).

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::CACHE_CONTROL},
    response::Response,
};
use uuid::Uuid;

use crate::{
    challenge::Challenge,
    client::{Client, Clients},
    cookie,
    directory::Directory,
    grant::{Grant, GrantType},
    organization::Organization,
    page::{self, SignIn},
    parameters::Parameters,
    problem::Problem,
    redirect::Redirect,
    settings::Settings,
    user::User,
    world::{Shared, World},
};

/// What goes through the form of the sign-in page.
const CARRIED: [&str; 13] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "code_challenge",
    "code_challenge_method",
    "state",
    "scope",
    "target",
    "login_hint",
    "prompt",
    "org",
    "provider",
];

struct AuthorizeRequest {
    client_id: String,
    redirect: Redirect,
    challenge: Option<Challenge>,
    scopes: Vec<String>,
}

enum Failure {
    /// The way back is not to be trusted: nothing goes there.
    Page(&'static str),
    Redirect(Redirect, Problem),
}

impl AuthorizeRequest {
    fn read(parameters: &Parameters, clients: &Clients, settings: &Settings) -> Result<Self, Failure> {
        let client = parameters
            .get("client_id")
            .and_then(|client_id| clients.find(client_id))
            .ok_or(Failure::Page("The client is unknown: client_id must name a registered client."))?;
        let uri = parameters
            .get("redirect_uri")
            .filter(|uri| client.knows(uri))
            .ok_or(Failure::Page("The redirect URI is not registered: it must match entirely, query string included."))?;
        let redirect = Redirect { uri: uri.to_owned(), state: parameters.get("state").map(str::to_owned) };
        match judge(parameters, client, settings) {
            Ok((challenge, scopes)) => {
                let client_id = parameters.get("client_id").unwrap_or_default().to_owned();
                Ok(Self { client_id, redirect, challenge, scopes })
            }
            Err(problem) => Err(Failure::Redirect(redirect, problem)),
        }
    }

    fn grant_code(self, world: &mut World, user: User, organization: &'static Organization) -> Response {
        let Self { client_id, redirect, challenge, scopes } = self;
        let grant = Grant { client_id, user: Some(user), organization, scopes, permissions: None, family: Uuid::new_v4() };
        let now = world.clock.now();
        let code = world.codes.issue(grant, redirect.uri.clone(), challenge, now);
        redirect.code(&code)
    }
}

fn judge(parameters: &Parameters, client: &Client, settings: &Settings) -> Result<(Option<Challenge>, Vec<String>), Problem> {
    if parameters.repeats() {
        return Err(Problem::invalid_request("No parameter may be included more than once."));
    }
    match parameters.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(Problem::unsupported_response_type()),
        None => return Err(Problem::invalid_request("response_type is missing.")),
    }
    if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Problem::invalid_request("The response mode must be query."));
    }
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(Problem::unauthorized_client());
    }
    let challenge = match parameters.get("code_challenge") {
        None if client.is_confidential() => None,
        None => return Err(Problem::invalid_request("code_challenge is missing.")),
        // Left out, the method would be plain (RFC 7636, section 4.3).
        Some(_) if parameters.get("code_challenge_method") != Some("S256") => {
            return Err(Problem::invalid_request("The code challenge method must be S256."));
        }
        Some(challenge) => Some(
            Challenge::parse(challenge)
                .ok_or(Problem::invalid_request("code_challenge must be a base64url-encoded SHA-256 without padding."))?,
        ),
    };
    let scopes = match parameters.get("scope") {
        None if settings.require_scope => return Err(Problem::missing_scope()),
        None => client.scopes().to_vec(),
        Some(scope) => {
            let wanted: Vec<_> = scope.split(' ').map(str::to_owned).collect();
            if !wanted.iter().all(|scope| client.scopes().contains(scope)) {
                return Err(Problem::invalid_scope());
            }
            wanted
        }
    };
    Ok((challenge, scopes))
}

impl Failure {
    fn answer(self, settings: &Settings) -> Response {
        match self {
            Self::Page(text) => page::notice(StatusCode::BAD_REQUEST, "This request cannot be answered", text),
            Self::Redirect(redirect, problem) => redirect.problem(&problem, settings),
        }
    }
}

fn question<'request>(parameters: &'request Parameters, directory: &Directory) -> SignIn<'request> {
    let (email, name) = match parameters.get("login_hint") {
        None => (None, None),
        Some(hint) => match hint.split_once(':') {
            Some((email, name)) => (Some(email), Some(name)),
            None => (Some(hint), Some(hint)),
        },
    };
    let target = parameters.get("target");
    let organization = name.and_then(|name| directory.organization_by_name(name));
    let user = email.and_then(|email| directory.user_by_email(email)).or_else(|| organization.and_then(User::first_of));
    SignIn {
        carried: CARRIED.into_iter().filter_map(|name| Some((name, parameters.get(name)?))).collect(),
        interaction: None,
        target,
        users: directory.users_around(&[
            target.and_then(|target| directory.organization(target)),
            organization,
            user.map(|user| user.home),
        ]),
        organizations: directory.organizations(),
        signed_in: None,
        user,
        organization: organization.filter(|organization| user.is_some_and(|user| user.may_work_in(organization))),
        alert: None,
    }
}

/// The request as it comes from the client: a remembered user is not asked again, unless there is a choice.
pub(crate) async fn ask(State(cloud): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let parameters = Parameters::parse(uri.query().unwrap_or_default().as_bytes());
    let mut world = cloud.world();
    let request = match AuthorizeRequest::read(&parameters, &world.clients, &world.settings) {
        Ok(request) => request,
        Err(failure) => return private(failure.answer(&world.settings)),
    };
    let signed_in = world.sessions.user(&headers).filter(|_| parameters.get("prompt") != Some("login"));
    let question = question(&parameters, &world.directory);
    private(match (signed_in, question.target) {
        (None, _) => begin(&mut world, question),
        (Some(user), Some(target)) => {
            // A remembered user who may not work in the target gets a token for another organization, and no word of it.
            let organization = world.directory.organization(target).filter(|target| user.may_work_in(target)).unwrap_or(user.home);
            request.grant_code(&mut world, user, organization)
        }
        (Some(user), None) if user.organizations().nth(1).is_none() => request.grant_code(&mut world, user, user.home),
        (Some(user), None) => begin(&mut world, SignIn { signed_in: Some(user), ..question }),
    })
}

/// The sign-in page, whose form works in this browser alone where a setting says so.
fn begin(world: &mut World, question: SignIn) -> Response {
    if !world.settings.cookie_bound_login {
        return question.answer(StatusCode::OK);
    }
    let (id, opened) = world.interactions.open();
    let mut response = SignIn { interaction: Some(id), ..question }.answer(StatusCode::OK);
    cookie::set(response.headers_mut(), &opened);
    response
}

/// The sign-in page's form.
pub(crate) async fn decide(State(cloud): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let parameters = Parameters::parse(&body);
    let mut world = cloud.world();
    let interaction = parameters.get("interaction").filter(|_| world.settings.cookie_bound_login);
    if world.settings.cookie_bound_login && !interaction.is_some_and(|id| world.interactions.is_open(id, &headers)) {
        let text = "The sign-in has ended, or this browser did not send the cookie of its page.";
        return private(page::notice(StatusCode::BAD_REQUEST, "Session not found", text));
    }
    let request = match AuthorizeRequest::read(&parameters, &world.clients, &world.settings) {
        Ok(request) => request,
        Err(failure) => return private(failure.answer(&world.settings)),
    };
    if parameters.get("decision") == Some("deny") {
        let response = request.redirect.problem(&Problem::access_denied(), &world.settings);
        return private(end(&mut world, interaction, response));
    }
    let question = SignIn { interaction: interaction.map(str::to_owned), ..question(&parameters, &world.directory) };
    let Some(user) = parameters.get("user").and_then(|id| world.directory.user(id)) else {
        return SignIn { alert: Some("Choose a user.".to_owned()), ..question }.answer(StatusCode::BAD_REQUEST);
    };
    let chosen = question.target.or_else(|| parameters.get("organization"));
    let organization = chosen.map_or(Some(user.home), |id| world.directory.organization(id));
    let Some(organization) = organization.filter(|organization| user.may_work_in(organization)) else {
        let name = organization.map_or("an unknown organization", |organization| organization.name);
        let alert = Some(format!("{} may not work in {name}.", user.label()));
        return SignIn { alert, user: Some(user), organization, ..question }.answer(StatusCode::FORBIDDEN);
    };
    let session = world.sessions.open(user);
    let mut response = request.grant_code(&mut world, user, organization);
    cookie::set(response.headers_mut(), &session);
    private(end(&mut world, interaction, response))
}

/// The client has its answer: the form of the page works no more.
fn end(world: &mut World, interaction: Option<&str>, mut response: Response) -> Response {
    if let Some(id) = interaction {
        cookie::set(response.headers_mut(), &world.interactions.close(id));
    }
    response
}

/// Codes and states are in these answers.
fn private(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
