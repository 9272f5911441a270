import type { DecoderStage, TokenSink } from "./decoder-stage.ts";

/** All tokens become one. */
export class FuseStage implements DecoderStage {
  declare next: TokenSink;

  write(part: string): void {
    this.next.write(part);
  }

  end(): void {
    // The token goes on.
  }

  finish(): void {
    this.next.end();
    this.next.finish();
  }
}
