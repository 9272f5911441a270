import packageJson from "../../package.json" with { type: "json" };

/** Of this package; the build puts it in. */
export const { version } = packageJson;

/** ">=20.19". */
export const nodeNeeded = packageJson.engines.node;
