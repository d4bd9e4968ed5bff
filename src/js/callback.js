// The redirect URI of a sign-in in a window: posts the authorization response to the page that opened the window.
const query = location.search;
// The authorization code works only once, so keep it out of the history.
history.replaceState(null, "", location.pathname);
if (window.opener) {
  window.opener.postMessage({ type: "premium-recorder.authorization-response", query }, location.origin);
  window.close();
} else {
  addEventListener("DOMContentLoaded", () => {
    document.body.textContent =
      "The sign-in could not return to the app: a Cross-Origin-Opener-Policy separates the two windows, or the app did not open this one. Close this window and see the app's message.";
  });
}
