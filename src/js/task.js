// Tasks of the event loop.

/** Resolves in a later task, so that the page can do something else. */
export function nextTask() {
  // Browsers delay the timers of a hidden page by seconds, and then minutes, but not its messages.
  return globalThis.document?.hidden ? nextMessage() : new Promise((resolve) => setTimeout(resolve));
}

/** Resolves in a later task, whatever the page has made of its timers. Never rejects. */
export function nextMessage() {
  return new Promise((resolve) => {
    try {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    } catch {
      // The page has replaced messages, too.
      resolve();
    }
  });
}
