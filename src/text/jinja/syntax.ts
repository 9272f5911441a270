/**
 * What the parser makes of a template. Chains of operators, subscripts and filters are flat lists, so that the tree is only as high as
 * the source is nested, which the parser bounds. Only `a if b if c` grows with its length; whoever evaluates counts levels as well.
 */
export type Statement =
  | { readonly kind: "text"; readonly text: string }
  | Located<"output", { readonly value: Expression }>
  | Located<"if", { readonly branches: readonly Branch[]; readonly otherwise: readonly Statement[] }>
  | Located<"for", ForLoop>
  | Located<"set", { readonly target: Target; readonly value: Expression }>
  | Located<
      "set-block",
      { readonly target: Target; readonly filters: readonly Step[]; readonly body: readonly Statement[] }
    >
  | Located<
      "with",
      {
        readonly targets: readonly Target[];
        readonly values: readonly Expression[];
        readonly body: readonly Statement[];
      }
    >
  | Located<"macro", { readonly macro: MacroDefinition }>
  | Located<"call-block", { readonly call: Expression; readonly caller: MacroDefinition }>
  | Located<"filter-block", { readonly filters: readonly Step[]; readonly body: readonly Statement[] }>
  /** `generation` and `block`: the body as it stands, in a scope of its own. */
  | Located<"scope", { readonly body: readonly Statement[]; readonly isBlock: boolean }>
  | Located<"break", unknown>
  | Located<"continue", unknown>;

type Located<Kind extends string, Parts> = Parts & { readonly kind: Kind; readonly line: number };

export interface Branch {
  readonly condition: Expression;
  readonly body: readonly Statement[];
}

export interface ForLoop {
  readonly target: Target;
  readonly iterable: Expression;
  /** Elements for which it is false are not iterated over, nor counted. */
  readonly condition: Expression | undefined;
  readonly isRecursive: boolean;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
}

export type Target =
  | { readonly kind: "name"; readonly name: string }
  /** `ns.count` */
  | { readonly kind: "attribute"; readonly name: string; readonly attribute: string }
  | { readonly kind: "tuple"; readonly items: readonly Target[] };

export interface MacroDefinition {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: readonly Statement[];
  /** Of the names that a macro has without declaring them, those that its body uses. */
  readonly usesCaller: boolean;
  readonly usesVarargs: boolean;
  readonly usesKwargs: boolean;
}

export interface Parameter {
  readonly name: string;
  readonly fallback: Expression | undefined;
}

export type Expression =
  | { readonly kind: "constant"; readonly value: null | boolean | bigint | number | string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "dict"; readonly entries: readonly (readonly [key: Expression, value: Expression])[] }
  | {
      readonly kind: "conditional";
      readonly condition: Expression;
      readonly then: Expression;
      readonly otherwise: Expression | undefined;
    }
  | { readonly kind: "and" | "or" | "concat"; readonly operands: readonly Expression[] }
  | { readonly kind: "not"; readonly operand: Expression }
  | { readonly kind: "sign"; readonly operator: "+" | "-"; readonly operand: Expression }
  /** `a < b < c` */
  | {
      readonly kind: "compare";
      readonly first: Expression;
      readonly rest: readonly { readonly operator: CompareOperator; readonly operand: Expression }[];
    }
  /** From left to right, all of one precedence. */
  | {
      readonly kind: "arithmetic";
      readonly first: Expression;
      readonly rest: readonly { readonly operator: ArithmeticOperator; readonly operand: Expression }[];
    }
  /** `base.name[index](call) | filter is test` */
  | { readonly kind: "chain"; readonly base: Expression; readonly steps: readonly Step[] };

export type CompareOperator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";
export type ArithmeticOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**";

/** What is done to the value on the left. */
export type Step =
  | { readonly kind: "attribute"; readonly name: string }
  | { readonly kind: "item"; readonly key: Expression }
  | {
      readonly kind: "slice";
      readonly start: Expression | undefined;
      readonly stop: Expression | undefined;
      readonly step: Expression | undefined;
    }
  | { readonly kind: "call"; readonly arguments: CallArguments }
  | { readonly kind: "filter"; readonly name: string; readonly arguments: CallArguments }
  | { readonly kind: "test"; readonly name: string; readonly arguments: CallArguments; readonly isNegated: boolean };

export interface CallArguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [name: string, value: Expression])[];
  /** `*values` */
  readonly spread: Expression | undefined;
  /** `**values` */
  readonly spreadNamed: Expression | undefined;
}
