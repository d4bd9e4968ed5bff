//! Who is signed in to the login origin, by a cookie of the browser.

use std::collections::HashMap;

use axum::http::HeaderMap;

use crate::{cookie, secret, user::User};

const NAME: &str = "standin-session";

#[derive(Default)]
pub(crate) struct Sessions {
    by_text: HashMap<String, User>,
}

impl Sessions {
    pub(crate) fn user(&self, headers: &HeaderMap) -> Option<User> {
        cookie::values(headers, NAME).find_map(|text| self.by_text.get(text)).copied()
    }

    /// The cookie to set.
    pub(crate) fn open(&mut self, user: User) -> String {
        let text = secret::random();
        let cookie = format!("{NAME}={text}; Path=/; HttpOnly; SameSite=Lax");
        self.by_text.insert(text, user);
        cookie
    }

    /// The cookie to set.
    pub(crate) fn close(&mut self, headers: &HeaderMap) -> String {
        for text in cookie::values(headers, NAME) {
            self.by_text.remove(text);
        }
        format!("{NAME}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.by_text.keys().map(String::as_str)
    }
}
