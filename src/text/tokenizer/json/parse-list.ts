import { Fields } from "./fields.ts";

/** Components in a sequence; real files have six. */
const maxComponents = 256;

/** The members of a Sequence. That they are not too deep has been seen when the file was scanned. */
export function parseList<Component>(
  fields: Fields,
  name: string,
  parse: (fields: Fields) => Component,
): readonly Component[] {
  return fields
    .list(name, maxComponents)
    .map((value, index) => parse(new Fields(value, `${fields.where}.${name}[${index}]`)));
}
