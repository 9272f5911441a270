import { RequestError } from "../util/errors.ts";

/** The command line itself is wrong: exit status 2, where every other failure is 1. */
export class UsageError extends RequestError {
  static {
    this.prototype.name = "UsageError";
  }
}
