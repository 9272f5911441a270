import type { Hono } from "hono";

/** The chat page, built by tsdown into dist/page: the bytes of its files by their names, "index.html" among them. */
export type PageFiles = ReadonlyMap<string, Uint8Array>;

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** The page loads nothing from elsewhere, runs no script but its own, and cannot be framed by another site. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** GET / and /page/…: without a key, since a browser has none to send yet and there is nothing in them that is anybody's. */
export function servePage(app: Hono, files: PageFiles): void {
  const respond = (name: string): Response | undefined => {
    const bytes = files.get(name);
    if (bytes === undefined) return undefined;
    const headers = {
      "content-type": types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
      "content-security-policy": policy,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
    };
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers });
  };
  app.get("/", () => respond("index.html")!);
  app.get("/page/:name", (context, next) => respond(context.req.param("name")) ?? next());
}
