import { RequestError } from "../../util/errors.ts";
import { JsonImport } from "./from-json.ts";
import { globals } from "./globals.ts";
import { Interpreter } from "./interpreter.ts";
import { parseTemplate } from "./parse-template.ts";
import { Allowance } from "./allowance.ts";
import { Scope } from "./scope.ts";
import type { Statement } from "./syntax.ts";
import { TemplateRefusal } from "./template-errors.ts";
import type { Value } from "./values.ts";

export interface RenderOptions {
  /** What `strftime_now` gives for a format. */
  readonly formatNow: (format: string) => string;
}

/** What a template may use whatever it is given, and more for what it is given: templates go over their input, some more than once. */
const steps = { atLeast: 150_000, perValue: 200, perCharacter: 4 };
/** Templates that put a text together piece by piece build every beginning of it. */
const bytes = { atLeast: 2 ** 24, perCharacter: 256 };

/** A Jinja template as transformers renders chat templates. Parsed once; renderings know nothing of each other. */
export class Template {
  readonly #body: readonly Statement[];

  /** Throws FormatError, with line and column, for one that is malformed. */
  constructor(source: string) {
    this.#body = parseTemplate(source);
  }

  /**
   * Renders with these variables. Takes time and memory in proportion to what they hold, and at least what `steps` and `bytes` say,
   * whatever the template does. Throws RequestError for variables that are not values of JSON, a template that does wrong or asks too
   * much, and TemplateRefusal where it refuses them.
   */
  render(variables: Readonly<Record<string, unknown>>, { formatNow }: RenderOptions): string {
    const given = new JsonImport();
    const names = new Map<string, Value>();
    for (const [name, value] of Object.entries(variables)) {
      if (value !== undefined) names.set(name, given.value(value, name));
    }
    const allowance = new Allowance({
      steps: steps.atLeast + steps.perValue * given.values + steps.perCharacter * given.characters,
      bytes: bytes.atLeast + bytes.perCharacter * given.characters,
    });
    const interpreter = new Interpreter(allowance, new Scope(new Scope(undefined, globals(formatNow)), names));
    try {
      return interpreter.render(this.#body);
    } catch (error) {
      if (!(error instanceof RequestError) || error instanceof TemplateRefusal) throw error;
      throw new RequestError(`line ${interpreter.line}: ${error.message}`, { cause: error });
    }
  }
}
