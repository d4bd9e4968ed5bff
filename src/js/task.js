// Tasks of the event loop.

/** Resolves in a later task, so that the page can do something else. */
export function nextTask() {
  return new Promise((resolve) => {
    if (!globalThis.document?.hidden) {
      setTimeout(resolve);
      return;
    }
    // Browsers delay the timers of a hidden page by seconds, and then minutes, but not its messages.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
