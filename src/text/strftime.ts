const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];

const directives: Readonly<Record<string, (date: Date) => number | string>> = {
  a: (date) => days[date.getDay()].slice(0, 3),
  A: (date) => days[date.getDay()],
  w: (date) => date.getDay(),
  d: (date) => pad(date.getDate()),
  e: (date) => pad(date.getDate(), 2, " "),
  b: (date) => months[date.getMonth()].slice(0, 3),
  B: (date) => months[date.getMonth()],
  m: (date) => pad(date.getMonth() + 1),
  y: (date) => pad(date.getFullYear() % 100),
  Y: (date) => date.getFullYear(),
  H: (date) => pad(date.getHours()),
  I: (date) => pad(date.getHours() % 12 || 12),
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  M: (date) => pad(date.getMinutes()),
  S: (date) => pad(date.getSeconds()),
  j: (date) => pad(dayOfYear(date), 3),
  F: (date) => strftime(date, "%Y-%m-%d"),
  T: (date) => strftime(date, "%H:%M:%S"),
  "%": () => "%",
};

/**
 * Formats local time as C's strftime does in the "C" locale: chat templates want English names wherever they run.
 * `%-d` and the like leave out padding. A directive that is not known here stays as it is.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)([a-zA-Z%])/g, (directive, bare: string, letter: string) => {
    if (!Object.hasOwn(directives, letter)) return directive;
    const text = String(directives[letter](date));
    return bare === "" ? text : text.replace(/^[0 ](?=.)/, "").replace(/^0(?=.)/, "");
  });
}

function pad(value: number, width = 2, filler = "0"): string {
  return String(value).padStart(width, filler);
}

/** From calendar dates, because a day of local time may have 23 hours. */
function dayOfYear(date: Date): number {
  const year = date.getFullYear();
  return (Date.UTC(year, date.getMonth(), date.getDate()) - Date.UTC(year, 0, 0)) / 86_400_000;
}
