//! The browser as the recorder's platform. The other files of this folder implement its ports.

use js_sys::Function;

use super::channel::SharingChannels;

/// The app's callbacks, which the ports call, and the recorder's channels to other pages.
pub(super) struct Browser {
    /// `getToken`. `src/js` has bound its `this`.
    pub(super) get_token: Option<Function>,
    /// `onEvent`. `src/js` has wrapped it: it does not throw, and calls the app in a later turn.
    pub(super) on_event: Option<Function>,
    pub(super) sharing_channels: SharingChannels,
}
