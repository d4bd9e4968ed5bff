//! The browser as the recorder's platform. The other files of this folder implement its ports.

use js_sys::Function;

/// The app's callbacks, which the ports call.
pub(super) struct Browser {
    /// `getToken`. `src/js` has bound its `this`.
    pub(super) get_token: Option<Function>,
    /// `onEvent`. `src/js` has wrapped it: it does not throw, and calls the app in a later turn.
    pub(super) on_event: Option<Function>,
}
