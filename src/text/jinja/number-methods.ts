import { builtin, type Builtins } from "./builtin.ts";
import { asNumber } from "./compare-values.ts";

export const integerMethods: Builtins = new Map([
  [
    "bit_length",
    builtin("", (_, self) => {
      const value = BigInt(asNumber(self) ?? 0);
      return value === 0n ? 0n : BigInt(value.toString(2).replace("-", "").length);
    }),
  ],
]);

export const floatMethods: Builtins = new Map([["is_integer", builtin("", (_, self) => Number.isInteger(self))]]);
