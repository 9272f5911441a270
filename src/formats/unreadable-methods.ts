/** Methods of quantization that people publish and nothing here reads, by the names that configs have for them: what stands in the way. */
const obstacles: Readonly<Record<string, string>> = {
  aqlm: "AQLM adds up vectors of several learned codebooks",
  bitnet: "BitNet packs ternary weights and quantizes activations with them",
  eetq: "EETQ stores int8 in the order of one GPU's kernel",
  exl3: "EXL3 stores the paths of a trellis, over rotated weights",
  fp_quant: "FP-Quant rotates weights and activations",
  higgs: "HIGGS stores indices of a grid, over rotated weights",
  hqq: "HQQ has zero points that are floats",
  mlx: "MLX packs for Apple's library",
  quanto: "Quanto stores its tensors as PyTorch's own classes",
  quip: "QuIP# stores indices of a lattice, over rotated weights",
  "quip-sharp": "QuIP# stores indices of a lattice, over rotated weights",
  spqr: "SpQR keeps outliers in a sparse matrix apart",
  torchao: "torchao stores its tensors as PyTorch's own classes",
  vptq: "VPTQ stores indices of learned vectors",
};

/** Why a declared method cannot be read, and what to do; `name` is as the config has it, in lower case. */
export function methodAdvice(name: string): string {
  const obstacle = Object.hasOwn(obstacles, name) ? ` (${obstacles[name]})` : "";
  return `${obstacle}; take the same model in another format, or quantize the original anew`;
}
