/** Node's own way, and the cheapest; no browser has it. */
const host: { readonly setImmediate?: (task: () => void) => void } = globalThis;

/**
 * Lets timers, sockets and other requests have their turn. `setTimeout(0)` would do the same and cost a millisecond (Node) or four
 * (browsers) for every token.
 */
export function yieldToLoop(): Promise<void> {
  return new Promise(host.setImmediate ?? postToSelf);
}

/** The browsers' way: a message to oneself is a task of its own. The port is closed after it, or it would keep Node alive. */
export function postToSelf(task: () => void): void {
  const channel = new MessageChannel();
  // Node's types leave out the web's own property, which Node has too.
  const receiver: { onmessage?: () => void; close(): void } = channel.port1;
  receiver.onmessage = () => {
    receiver.close();
    task();
  };
  channel.port2.postMessage(undefined);
}
