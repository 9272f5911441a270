/**
 * How surprising `target` is by one row of logits: log(sum over i of exp(logits[i])) - logits[target], in f64. The largest
 * logit is taken out before the exponentials, which cannot overflow then.
 */
export function negativeLogLikelihood(logits: Float32Array, target: number): number {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i] > largest) largest = logits[i];
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - largest);
  return Math.log(sum) + (largest - logits[target]);
}
