// Genesys' Client App SDK: the life of the app in its host, toasts, and the count on the app's icon.

/**
 * What the host offers, or nothing outside a host. Needs the launch parameters in the address. `hooks`: { isUp, onFocus, onStop },
 * of which `isUp` is the promise that the app can be used.
 */
export function clientApp(hooks) {
  const app = window.parent === window ? undefined : construct();
  app?.lifecycle.addBootstrapListener(() => hooks.isUp.then(() => app.lifecycle.bootstrapped()));
  let isInSight = true;
  app?.lifecycle.addBlurListener(() => (isInSight = false));
  app?.lifecycle.addFocusListener(() => {
    isInSight = true;
    hooks.onFocus();
  });
  app?.lifecycle.addStopListener(() => {
    hooks.onStop();
    app.lifecycle.stopped();
  });
  return {
    /** For a person who does not see the app: what they see in it needs no toast over it. */
    toast(title, message, type) {
      if (!isInSight) app?.alerting.showToastPopup(title, message, { type, id: "recording" });
    },
    count(running) {
      app?.alerting.setAttentionCount(running);
    },
  };
}

function construct() {
  try {
    return new window.purecloud.apps.ClientApp({
      gcHostOriginQueryParam: "gcHostOrigin",
      gcTargetEnvQueryParam: "gcTargetEnv",
    });
  } catch (error) {
    // Without the host's words in its address, or without the SDK, the app works all the same.
    console.info(`The app runs without the Client App SDK: ${error.message}`);
  }
}
