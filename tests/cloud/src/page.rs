//! What a person sees of the login origin: plain HTML, no script.

use axum::{
    http::{
        HeaderName, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY},
    },
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::{organization::Organization, user::User};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem}\
label{display:block;margin-top:1rem}select,button{font:inherit;padding:.4rem .6rem}select{width:100%}\
button{margin:1.5rem .5rem 0 0}[role=alert]{border-left:.3rem solid #b00020;padding-left:.7rem}";

/// What the user is asked, and what is already answered.
pub(crate) struct SignIn<'request> {
    /// The authorize request. It goes through the form and not through a cookie, which a frame of another site lacks, unless
    /// the setting `cookieBoundLogin` wants one as well.
    pub(crate) carried: Vec<(&'static str, &'request str)>,
    /// The id of an interaction that is bound to the browser.
    pub(crate) interaction: Option<String>,
    /// The organization that the request names.
    pub(crate) target: Option<&'request str>,
    /// Who and what there is to choose from.
    pub(crate) users: Vec<User>,
    pub(crate) organizations: Vec<&'static Organization>,
    pub(crate) signed_in: Option<User>,
    pub(crate) user: Option<User>,
    pub(crate) organization: Option<&'static Organization>,
    pub(crate) alert: Option<String>,
}

impl SignIn<'_> {
    pub(crate) fn answer(self, status: StatusCode) -> Response {
        let title = if self.signed_in.is_some() { "Choose an organization" } else { "Sign in" };
        let content = html! {
            @if let Some(alert) = &self.alert { p role="alert" { (alert) } }
            @if let Some(user) = self.signed_in { p { "Signed in as " strong { (user.label()) } } }
            @if let Some(target) = self.target { p { "Organization: " strong { (self.name_of(target)) } } }
            form method="post" action="/oauth/authorize" autocomplete="off" {
                @for (name, value) in &self.carried { input type="hidden" name=(name) value=(value); }
                @if let Some(id) = &self.interaction { input type="hidden" name="interaction" value=(id); }
                (self.user_field())
                @if self.target.is_none() { (self.organization_field()) }
                button type="submit" name="decision" value="sign-in" { "Sign in" }
                button type="submit" name="decision" value="deny" { "Deny" }
            }
            @if self.signed_in.is_none() { (self.addresses()) }
        };
        page(status, title, &content)
    }

    fn name_of<'name>(&'name self, id: &'name str) -> &'name str {
        self.organizations.iter().find(|organization| organization.id == id).map_or(id, |organization| organization.name)
    }

    fn user_field(&self) -> Markup {
        html! {
            @if let Some(user) = self.signed_in {
                input type="hidden" name="user" value=(user.agent.id);
            } @else {
                label for="user" { "User" }
                select id="user" name="user" {
                    @for user in &self.users {
                        option value=(user.agent.id) selected[self.user.is_some_and(|chosen| chosen.agent.id == user.agent.id)] {
                            (user.label())
                        }
                    }
                }
            }
        }
    }

    /// Without a script, the list cannot follow the choice of the user: the form's receiver judges.
    fn organization_field(&self) -> Markup {
        let offered: Vec<_> = match self.signed_in {
            Some(user) => user.organizations().collect(),
            None => self.organizations.clone(),
        };
        html! {
            label for="organization" { "Organization" }
            select id="organization" name="organization" {
                @if self.signed_in.is_none() { option value="" { "The user's own" } }
                @for organization in offered {
                    option value=(organization.id) selected[self.organization.is_some_and(|chosen| chosen.id == organization.id)] {
                        (organization.name)
                    }
                }
            }
        }
    }

    fn addresses(&self) -> Markup {
        html! {
            details {
                summary { "Email addresses" }
                ul { @for user in &self.users { li { (user.label()) ": " (user.agent.email) } } }
            }
        }
    }
}

/// A page that says one thing, and leads nowhere.
pub(crate) fn notice(status: StatusCode, title: &str, text: &str) -> Response {
    let role = (!status.is_success()).then_some("alert");
    page(status, title, &html! { p role=[role] { (text) } })
}

/// It may stand in a frame, unless a setting says otherwise. `form-action` stays out of its policy, because Chromium applies that to the redirect that
/// answers the form as well.
fn page(status: StatusCode, title: &str, content: &Markup) -> Response {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!("default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'");
    let headers: [(HeaderName, String); 3] =
        [(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, "no-store".to_owned()), (REFERRER_POLICY, "no-referrer".to_owned())];
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                // Keeps the browser from asking for /favicon.ico, which would stand in the ledger.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (content) } }
        }
    };
    (status, headers, Html(document.into_string())).into_response()
}
