import { FormatError } from "../../util/errors.ts";
import { StepBudget } from "../../util/step-budget.ts";

/** Of random keys in a table that is half full a place is tried in vain for every second one. */
const stepsPerSlot = 4;
const atLeast = 2 ** 14;

/**
 * What building a hash table may spend on places that are taken. The hashes have no secret, so that a file can be made whose keys all fall
 * on one place: building the table would take time that grows with the square of its size. Throws FormatError; `label` names the table.
 */
export class CollisionLimit extends StepBudget {
  constructor(slotCount: number, label: string) {
    super(
      stepsPerSlot * slotCount + atLeast,
      () => new FormatError(`${label}: is made so that all of it has the same hash, which no real one is`),
    );
  }
}
