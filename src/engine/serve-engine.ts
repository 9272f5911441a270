import type { Engine } from "./engine.ts";
import { encodeError, type EngineCommand, type EngineReply, type Port } from "./wire.ts";

/**
 * Answers wire messages from an engine, which it takes: "dispose" disposes of it. The returned promise settles after that, or throws
 * what disposing threw; until then the port is served.
 */
export function serveEngine(engine: Engine, port: Port<EngineCommand, EngineReply>): Promise<void> {
  const cancellations = new Map<number, AbortController>();

  const generate = async ({ requestId, request }: Extract<EngineCommand, { type: "generate" }>): Promise<void> => {
    const cancellation = new AbortController();
    cancellations.set(requestId, cancellation);
    try {
      for await (const event of engine.generate(request, cancellation.signal))
        port.post({ type: "event", requestId, event });
    } catch (error) {
      port.post({ type: "request-failed", requestId, error: encodeError(error) });
    } finally {
      cancellations.delete(requestId);
    }
  };

  const stats = async (callId: number): Promise<void> => {
    try {
      port.post({ type: "stats", callId, stats: await engine.stats() });
    } catch (error) {
      port.post({ type: "stats-failed", callId, error: encodeError(error) });
    }
  };

  return new Promise((resolve, reject) => {
    port.onMessage((command) => {
      switch (command.type) {
        case "generate":
          void generate(command);
          break;
        case "cancel":
          // Of a request that has ended meanwhile: nothing is left to do.
          cancellations.get(command.requestId)?.abort();
          break;
        case "stats":
          void stats(command.callId);
          break;
        case "dispose":
          engine[Symbol.asyncDispose]()
            .then(() => port.post({ type: "disposed" }))
            .then(resolve, reject);
          break;
        default:
          command satisfies never;
      }
    });
    port.post({ type: "ready", info: engine.info });
  });
}
