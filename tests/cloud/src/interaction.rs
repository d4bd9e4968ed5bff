//! A sign-in that is going on, bound to the browser that asked for its page.

use std::collections::HashMap;

use axum::http::HeaderMap;
use uuid::Uuid;

use crate::{cookie, secret};

/// Several sign-ins may go on in one browser: each has a cookie of its own.
const NAME: &str = "standin-interaction-";
/// `Lax`, so that a frame of another site neither stores nor sends it.
const ATTRIBUTES: &str = "Path=/oauth/authorize; HttpOnly; SameSite=Lax";

#[derive(Default)]
pub(crate) struct Interactions {
    /// What the cookie holds, by the id that the page's form sends.
    open: HashMap<String, String>,
}

impl Interactions {
    /// Its id, and the cookie to set.
    pub(crate) fn open(&mut self) -> (String, String) {
        let id = Uuid::new_v4().simple().to_string();
        let text = secret::random();
        let cookie = format!("{NAME}{id}={text}; {ATTRIBUTES}");
        self.open.insert(id.clone(), text);
        (id, cookie)
    }

    /// Whether the browser that sends this id is the one that asked for the page.
    pub(crate) fn is_open(&self, id: &str, headers: &HeaderMap) -> bool {
        let text = self.open.get(id);
        cookie::values(headers, &format!("{NAME}{id}")).any(|presented| text.is_some_and(|text| text == presented))
    }

    /// The cookie to set.
    pub(crate) fn close(&mut self, id: &str) -> String {
        self.open.remove(id);
        format!("{NAME}{id}=; {ATTRIBUTES}; Max-Age=0")
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.open.values().map(String::as_str)
    }
}
