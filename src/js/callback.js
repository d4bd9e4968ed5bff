// The redirect URI of a sign-in in a window: hands the authorization response to the page of this origin that opened it.
const query = location.search;
// The code is used up once; nobody needs it in the history.
history.replaceState(null, "", location.pathname);
if (window.opener) {
  window.opener.postMessage({ type: "premium-recorder.authorization-response", query }, location.origin);
  window.close();
}
