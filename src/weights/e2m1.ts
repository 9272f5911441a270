/** The 4-bit floats e2m1 by code, with the sign of zero kept. Source: OCP Microscaling Formats 1.0, table 3. */
export const e2m1Table: Float32Array = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);
