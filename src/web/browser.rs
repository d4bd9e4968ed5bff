//! The browser, as the recorder's outside. Each port is implemented in the file of its own room.

use js_sys::Function;

/// What the app gave that the ports need.
pub(super) struct Browser {
    /// `getToken`, bound to its `this` by the door.
    pub(super) get_token: Option<Function>,
    /// `onEvent`, as the door wraps it: it does not throw, and calls the app later.
    pub(super) on_event: Option<Function>,
}
