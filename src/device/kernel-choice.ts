import { UnsupportedError } from "../util/errors.ts";

/** One entry of a backend's ordered list: it refuses with a reason, or takes the request. */
export interface Kernel<Request> {
  /** `<op>_<scheme><bits>[_variant]`. */
  readonly name: string;
  refuses(request: Request): string | undefined;
}

export interface Refusal {
  readonly kernel: string;
  readonly reason: string;
}

export interface KernelChoice {
  readonly kernel: string;
  /** The better kernels that refused, best first. */
  readonly refusals: readonly Refusal[];
}

/** The first kernel of the list that does not refuse. When all do, the error carries every reason. */
export function chooseKernel<Request>(
  kernels: readonly Kernel<Request>[],
  request: Request,
  subject: string,
): KernelChoice {
  const refusals: Refusal[] = [];
  for (const kernel of kernels) {
    const reason = kernel.refuses(request);
    if (reason === undefined) return { kernel: kernel.name, refusals };
    refusals.push({ kernel: kernel.name, reason });
  }
  throw new UnsupportedError(
    `no kernel takes ${subject}: ${refusals.map(({ kernel, reason }) => `${kernel}: ${reason}`).join("; ")}`,
  );
}
