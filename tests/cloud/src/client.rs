//! OAuth clients, public or confidential, each with the redirect URIs that are registered for it.

use axum::http::Uri;
use serde::{Deserialize, Serialize};

use crate::{directory::Directory, grant::GrantType, refusal::Refusal};

pub(crate) const OAUTH_CLIENT_ID: &str = "c11e1700-0000-4000-8000-000000000000";

/// The scopes that docs/getting-started.md recommends.
const DEFAULT_SCOPES: [&str; 3] = ["screenrecordings:write", "user-basic-info", "users:readonly"];
const DEFAULT_GRANTS: [GrantType; 2] = [GrantType::AuthorizationCode, GrantType::RefreshToken];

/// The ledger redacts every secret. A shorter one could be a part of some other text.
const LEAST_SECRET: usize = 16;

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Client {
    client_id: String,
    redirect_uris: Vec<String>,
    grants: Vec<GrantType>,
    /// Configured here, and never asked for.
    scopes: Vec<String>,
    /// A client with a secret is confidential.
    #[serde(skip)]
    secret: Option<String>,
    /// The organization of the tokens that the client gets with its own credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    org_id: Option<String>,
}

impl Client {
    fn new(client_id: String) -> Self {
        Self {
            client_id,
            redirect_uris: Vec::new(),
            grants: DEFAULT_GRANTS.to_vec(),
            scopes: DEFAULT_SCOPES.map(str::to_owned).to_vec(),
            secret: None,
            org_id: None,
        }
    }

    /// To the letter, query string included.
    pub(crate) fn knows(&self, redirect_uri: &str) -> bool {
        self.redirect_uris.iter().any(|known| known == redirect_uri)
    }

    pub(crate) fn may_use(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant)
    }

    pub(crate) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(crate) fn is_confidential(&self) -> bool {
        self.secret.is_some()
    }

    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        self.secret.as_deref() == Some(secret)
    }

    pub(crate) fn org_id(&self) -> Option<&str> {
        self.org_id.as_deref()
    }

    fn register(&mut self, redirect_uris: Vec<String>) {
        for uri in redirect_uris {
            if !self.knows(&uri) {
                self.redirect_uris.push(uri);
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Order {
    client_id: Option<String>,
    redirect_uris: Vec<String>,
    grants: Option<Vec<GrantType>>,
    scopes: Option<Vec<String>>,
    secret: Option<String>,
    org_id: Option<String>,
}

/// RFC 6749, section 3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
}

/// A redirect URI is absolute, and has no fragment (RFC 6749, section 3.1.2).
pub(crate) fn is_redirect_uri(text: &str) -> bool {
    !text.contains('#') && text.parse::<Uri>().is_ok_and(|uri| uri.scheme().is_some() && uri.authority().is_some())
}

pub(crate) struct Clients {
    known: Vec<Client>,
    /// Of the command line: they outlive a reset.
    kept: Vec<String>,
}

impl Clients {
    pub(crate) fn new(redirect_uris: Vec<String>) -> Self {
        let mut first = Client::new(OAUTH_CLIENT_ID.to_owned());
        first.register(redirect_uris.clone());
        Self { known: vec![first], kept: redirect_uris }
    }

    pub(crate) fn reset(&self) -> Self {
        Self::new(self.kept.clone())
    }

    pub(crate) fn all(&self) -> Vec<Client> {
        self.known.clone()
    }

    pub(crate) fn find(&self, client_id: &str) -> Option<&Client> {
        self.known.iter().find(|client| client.client_id == client_id)
    }

    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.known.iter().filter_map(|client| client.secret.as_deref())
    }

    pub(crate) fn add(&mut self, order: Order, directory: &Directory) -> Result<Client, Refusal> {
        if let Some(uri) = order.redirect_uris.iter().find(|uri| !is_redirect_uri(uri)) {
            return Err(Refusal::bad_request(format!("[{uri}] is no redirect URI: it must be absolute and have no fragment.")));
        }
        let client_id = order.client_id.unwrap_or_else(|| OAUTH_CLIENT_ID.to_owned());
        if order.secret.as_ref().is_some_and(|secret| secret.len() < LEAST_SECRET) {
            return Err(Refusal::bad_request(format!("secret must have at least {LEAST_SECRET} bytes.")));
        }
        if let Some(id) = order.org_id.as_ref().filter(|id| directory.organization(id).is_none()) {
            return Err(Refusal::bad_request(format!("No organization has the id [{id}]; see GET /standin/orgs.")));
        }
        if client_id.is_empty() {
            return Err(Refusal::bad_request("clientId must not be empty."));
        }
        if let Some(scope) = order.scopes.iter().flatten().find(|scope| !is_scope(scope)) {
            return Err(Refusal::bad_request(format!("[{scope}] is no scope.")));
        }
        let known = self.known.iter().position(|client| client.client_id == client_id);
        let mut client = known.map_or_else(|| Client::new(client_id), |place| self.known.remove(place));
        client.register(order.redirect_uris);
        client.grants = order.grants.unwrap_or(client.grants);
        client.scopes = order.scopes.unwrap_or(client.scopes);
        client.secret = order.secret.or(client.secret);
        client.org_id = order.org_id.or(client.org_id);
        self.known.insert(known.unwrap_or(self.known.len()), client.clone());
        Ok(client)
    }
}
