//! Texts that nobody can guess, and that no ledger tells.

use uuid::Uuid;

const STRUCK_OUT: &str = "***";

/// Parameters whose value is a secret, whoever made it up.
const PARAMETERS: [&str; 8] = ["access_token", "client_secret", "code", "code_verifier", "id_token", "refresh_token", "state", "token"];

pub(crate) fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

pub(crate) fn strike_out<'secret>(text: &str, secrets: impl Iterator<Item = &'secret str>) -> String {
    // Most texts are shorter than any secret, and there may be thousands of secrets to look for.
    let strike_out = |text: String, secret: &str| if text.len() < secret.len() { text } else { text.replace(secret, STRUCK_OUT) };
    secrets.fold(text.to_owned(), strike_out)
}

pub(crate) fn strike_out_parameters(query: &str) -> String {
    let pairs: Vec<_> = query
        .split('&')
        .map(|pair| match form_urlencoded::parse(pair.as_bytes()).next() {
            Some((name, value)) if !value.is_empty() && PARAMETERS.contains(&name.as_ref()) => format!("{name}={STRUCK_OUT}"),
            _ => pair.to_owned(),
        })
        .collect();
    pairs.join("&")
}
