import packageJson from "../../package.json" with { type: "json" };

/** Of this package; the build puts it in. */
export const { version } = packageJson;
