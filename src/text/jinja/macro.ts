import type { Allowance } from "./allowance.ts";
import type { MacroDefinition } from "./syntax.ts";
import { renderError, shown } from "./template-errors.ts";
import { Dict, TemplateObject, Tuple, Undefined, type Arguments, type Value } from "./values.ts";

/** A macro, or the body of a `call` block, with the scope that it was made in. */
export class Macro extends TemplateObject {
  override readonly typeName = "Macro";
  readonly #definition: MacroDefinition;
  override readonly call: (allowance: Allowance, args: Arguments) => Value;

  /** `run` renders the body with what the arguments are bound to; parameters that are absent there take their defaults. */
  constructor(definition: MacroDefinition, run: (names: Map<string, Value>) => Value) {
    super();
    this.#definition = definition;
    this.call = (allowance, args) => run(bind(allowance, definition, args));
  }

  override attribute(name: string): Value | undefined {
    const { name: own, parameters, usesCaller, usesKwargs, usesVarargs } = this.#definition;
    switch (name) {
      case "name":
        return own;
      case "arguments":
        return new Tuple(parameters.map((parameter) => parameter.name));
      case "catch_kwargs":
        return usesKwargs;
      case "catch_varargs":
        return usesVarargs;
      case "caller":
        return usesCaller;
      default:
        return undefined;
    }
  }

  override describe(): string {
    return `<Macro ${shown(this.#definition.name)}>`;
  }
}

/** Throws RequestError for arguments that the macro does not take. */
function bind(allowance: Allowance, definition: MacroDefinition, { positional, named }: Arguments): Map<string, Value> {
  const { name, parameters, usesCaller, usesVarargs, usesKwargs } = definition;
  allowance.spend(2 * parameters.length);
  allowance.spendElements(parameters.length + positional.length + named.size);
  const rest = new Map(named);
  const bound = new Map<string, Value>();
  for (const [i, parameter] of parameters.entries()) {
    const value = i < positional.length ? positional[i] : rest.get(parameter.name);
    if (i >= positional.length) rest.delete(parameter.name);
    if (value !== undefined) bound.set(parameter.name, value);
    else if (parameter.fallback === undefined)
      bound.set(parameter.name, new Undefined(() => `parameter ${shown(parameter.name)} was not provided`));
  }
  if (usesCaller && !parameters.some((parameter) => parameter.name === "caller")) {
    bound.set(
      "caller",
      rest.get("caller") ?? new Undefined(() => "no caller is defined: the macro is called without a call block"),
    );
    rest.delete("caller");
  }
  if (usesKwargs) bound.set("kwargs", Dict.from(rest));
  else if (rest.size > 0) throw renderError(`the macro ${shown(name)} has no parameter ${shown([...rest.keys()][0])}`);
  if (usesVarargs) bound.set("varargs", new Tuple(positional.slice(parameters.length)));
  else if (positional.length > parameters.length)
    throw renderError(
      `the macro ${shown(name)} takes at most ${parameters.length} arguments, ${positional.length} were given`,
    );
  return bound;
}
