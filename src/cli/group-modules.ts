import type { CheckpointModule } from "../checkpoint/checkpoint.ts";

/** Modules that differ in the number of their layer only. */
export interface ModuleGroup {
  /** The name, with all layers' numbers in one: "model.layers.{0-29}.mlp.down_proj". */
  readonly name: string;
  readonly modules: readonly CheckpointModule[];
}

/** Puts what is alike of all layers together, in the order of the first of each. */
export function groupModules(modules: readonly CheckpointModule[]): readonly ModuleGroup[] {
  const groups = new Map<string, { readonly modules: CheckpointModule[]; readonly layers: number[] }>();
  for (const module of modules) {
    const { pattern, layer } = splitLayer(module.name);
    const { shape, scheme, bits, groupSize = 0, tensor } = module;
    const key = [pattern, shape.join(","), scheme, bits, groupSize, tensor?.dtype ?? ""].join("\n");
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { modules: [], layers: [] }));
    group.modules.push(module);
    if (layer !== undefined) group.layers.push(layer);
  }
  return [...groups.values()].map(({ modules: members, layers }) => ({
    name:
      members.length === 1 ? members[0].name : splitLayer(members[0].name).pattern.replace("*", `{${ranges(layers)}}`),
    modules: members,
  }));
}

/** The first part of a name that is a number is its layer. */
function splitLayer(name: string): { readonly pattern: string; readonly layer?: number } {
  const [, before, digits, after] = /^(.*?\.)(\d+)(\..*)?$/s.exec(name) ?? [];
  return digits === undefined ? { pattern: name } : { pattern: `${before}*${after ?? ""}`, layer: Number(digits) };
}

/** "0-3,7" for 0, 1, 2, 3, 7. */
function ranges(numbers: readonly number[]): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const found: [first: number, last: number][] = [];
  for (const number of sorted) {
    const current = found.at(-1);
    if (current?.[1] === number - 1) current[1] = number;
    else found.push([number, number]);
  }
  return found.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(",");
}
