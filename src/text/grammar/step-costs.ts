// What compiling spends, in steps: measured, so that a step is some 25 to 60 ns of CPU time wherever it is spent.

/** To make a state. */
export const stateCost = 20;
/** To have a state in a set of states. */
export const closureCost = 8;
/** To make an edge. */
export const edgeCost = 4;
/** To have a rule. */
export const ruleCost = 160;
/** To read a name, a sign or a text of a grammar, or what is between them. */
export const wordCost = 16;
