const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];

interface Directive {
  /** A number is padded to the width; a text stands as it is. */
  readonly value: (date: Date) => number | string;
  readonly width?: number;
  readonly filler?: "0" | " ";
}

/** A number of two digits, or as many as `width` says. */
const number = (value: (date: Date) => number, width = 2, filler: "0" | " " = "0"): Directive => ({
  value,
  width,
  filler,
});
const text = (value: (date: Date) => string): Directive => ({ value });
const composed = (format: string): Directive => text((date) => strftime(date, format));
const hour12 = (date: Date): number => date.getHours() % 12 || 12;
const halfOfDay = (date: Date): string => (date.getHours() < 12 ? "AM" : "PM");

const directives: ReadonlyMap<string, Directive> = new Map(
  Object.entries({
    a: text((date) => days[date.getDay()].slice(0, 3)),
    A: text((date) => days[date.getDay()]),
    b: text((date) => months[date.getMonth()].slice(0, 3)),
    B: text((date) => months[date.getMonth()]),
    c: composed("%a %b %e %H:%M:%S %Y"),
    C: number((date) => Math.floor(date.getFullYear() / 100)),
    d: number((date) => date.getDate()),
    D: composed("%m/%d/%y"),
    e: number((date) => date.getDate(), 2, " "),
    // Python's own: microseconds, of which a Date knows the thousands.
    f: number((date) => date.getMilliseconds() * 1000, 6),
    F: composed("%Y-%m-%d"),
    g: number((date) => isoWeek(date).year % 100),
    G: number((date) => isoWeek(date).year, 4),
    h: composed("%b"),
    H: number((date) => date.getHours()),
    I: number(hour12),
    j: number(dayOfYear, 3),
    k: number((date) => date.getHours(), 2, " "),
    l: number(hour12, 2, " "),
    m: number((date) => date.getMonth() + 1),
    M: number((date) => date.getMinutes()),
    n: text(() => "\n"),
    p: text(halfOfDay),
    P: text((date) => halfOfDay(date).toLowerCase()),
    r: composed("%I:%M:%S %p"),
    R: composed("%H:%M"),
    s: number((date) => Math.floor(date.getTime() / 1000), 1),
    S: number((date) => date.getSeconds()),
    t: text(() => "\t"),
    T: composed("%H:%M:%S"),
    u: number((date) => date.getDay() || 7, 1),
    U: number((date) => Math.floor((dayOfYear(date) + 6 - date.getDay()) / 7)),
    V: number((date) => isoWeek(date).week),
    w: number((date) => date.getDay(), 1),
    W: number((date) => Math.floor((dayOfYear(date) + 6 - ((date.getDay() + 6) % 7)) / 7)),
    x: composed("%m/%d/%y"),
    X: composed("%H:%M:%S"),
    y: number((date) => date.getFullYear() % 100),
    Y: number((date) => date.getFullYear(), 1),
    // The zone is unknown: the clock that templates see has none.
    z: text(() => ""),
    Z: text(() => ""),
    "%": text(() => "%"),
  }),
);

/**
 * Formats local time as Python's datetime.strftime does on Linux in the "C" locale: chat templates want English names wherever they run.
 * Of the flags, `-` leaves padding out, `_` pads with blanks, `0` with zeros, `^` and `#` change the case; a width of at most two digits
 * may follow. A directive that is not known stays as it is.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%([-_0^#]*)(\d{0,2})([a-zA-Z%])/g, (whole, flags: string, width: string, letter: string) => {
    const directive = directives.get(letter);
    if (directive === undefined) return whole;
    const value = directive.value(date);
    const isNumber = typeof value === "number";
    const filler = flags.includes("_") ? " " : flags.includes("0") ? "0" : (directive.filler ?? " ");
    const padded = flags.includes("-")
      ? String(value)
      : String(value).padStart(Number(width) || (directive.width ?? 0), filler);
    if (isNumber) return padded;
    if (flags.includes("#")) return letter === "p" || letter === "Z" ? padded.toLowerCase() : padded.toUpperCase();
    return flags.includes("^") ? padded.toUpperCase() : padded;
  });
}

/** From calendar dates, because a day of local time may have 23 hours. */
function dayOfYear(date: Date): number {
  const year = date.getFullYear();
  return (Date.UTC(year, date.getMonth(), date.getDate()) - Date.UTC(year, 0, 0)) / 86_400_000;
}

/** Weeks begin on Monday and belong to the year that holds their Thursday. */
function isoWeek(date: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 3 - ((date.getDay() + 6) % 7));
  return { year: thursday.getFullYear(), week: Math.ceil(dayOfYear(thursday) / 7) };
}
