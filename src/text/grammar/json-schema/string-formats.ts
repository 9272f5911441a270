const date =
  "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))" +
  "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
const clock = "(?:[01][0-9]|2[0-3]):[0-5][0-9]";
const time = `${clock}:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-]${clock})`;
const count = "[0-9]{1,5}";
const durationTime = `T(?:${count}H(?:${count}M(?:${count}S)?)?|${count}M(?:${count}S)?|${count}S)`;
const durationDate = `(?:${count}Y(?:${count}M(?:${count}D)?)?|${count}M(?:${count}D)?|${count}D)`;
const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?";
const hostname = `${label}(?:\\.${label}){0,5}`;
const domain = `(?:${label}\\.){1,5}[A-Za-z]{2,12}`;
const atom = "[A-Za-z0-9_+-]{1,32}";
const byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const ipv4 = `(?:${byte}\\.){3}${byte}`;
const group = "[0-9A-Fa-f]{1,4}";
const path = "[A-Za-z0-9._~-]";
const base64 = "[A-Za-z0-9+/]";
const query = `${path}{1,32}=${path}{0,64}`;
const uri =
  `(?:https?|ftp)://${domain}(?::[1-9][0-9]{0,3})?(?:/${path}{0,64}){0,8}` +
  `(?:\\?${query}(?:&${query}){0,8})?(?:#${path}{0,32})?`;

/** An IPv6 address is eight groups, or two lists of at most seven together with `::` for what is left out. */
const ipv6 = [
  `(?:${group}:){7}${group}`,
  ...Array.from({ length: 7 }, (_, before) => {
    const head = before === 0 ? ":" : `(?:${group}:){${before}}`;
    const after = 7 - before;
    return `${head}:(?:${group}(?::${group}){0,${after - 1}})?`;
  }),
  `(?:${group}:){7}:`,
].join("|");

/**
 * Patterns of `format`, for the whole text. Where the standard is generous (comments in addresses of mail, leap seconds, names of any
 * length), they say what is usual: everything that they match is valid.
 */
export const stringFormats: Readonly<Record<string, string>> = {
  date,
  time,
  "date-time": `${date}T${time}`,
  duration: `P(?:${count}W|${durationDate}(?:${durationTime})?|${durationTime})`,
  email: `${atom}(?:\\.${atom}){0,3}@${domain}`,
  "idn-email": `${atom}(?:\\.${atom}){0,3}@${domain}`,
  hostname,
  "idn-hostname": hostname,
  ipv4,
  ipv6,
  uuid: "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}",
  uri,
  "uri-reference": uri,
  iri: uri,
  "iri-reference": uri,
  "json-pointer": "(?:/(?:[^~/]|~[01])*)*",
  byte: `(?:${base64}{4})*(?:${base64}{2}==|${base64}{3}=)?`,
};
/** Formats that say what a text or number is for, not what it looks like. */
export const shapelessFormats: ReadonlySet<string> = new Set(["password", "binary", "float", "double"]);
