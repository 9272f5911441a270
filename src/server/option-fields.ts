import { RequestError } from "../util/errors.ts";

/**
 * What an API calls the facade's options, where that is not the same in snake case. Of several names, the first that a body has is meant;
 * a dot leads into an object.
 */
export type OptionFields = Readonly<Record<string, string | readonly string[]>>;

/** An error in the words of the client: an option that is wrong becomes the field that it was made of. */
export function inClientWords(error: unknown, fields: OptionFields, body: object): unknown {
  if (!(error instanceof RequestError) || error.option === undefined) return error;
  const { option, message } = error;
  const names = [fields[option] ?? snakeCase(option)].flat();
  const field = names.find((name) => (body as Readonly<Record<string, unknown>>)[name] != null) ?? names[0];
  const isNamed = message.startsWith(option);
  return new RequestError(isNamed ? field + message.slice(option.length) : message, { option: field, cause: error });
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
