/** Where warnings go: a log, the terminal, a list in a test. Code that warns takes one as a parameter. */
export type Warn = (message: string) => void;

/** A sink that passes each distinct message on once: what is wrong with layer 3 is usually wrong with all of them. */
export function once(warn: Warn): Warn {
  const seen = new Set<string>();
  return (message) => {
    if (seen.has(message)) return;
    seen.add(message);
    warn(message);
  };
}
