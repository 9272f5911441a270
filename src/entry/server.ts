/** fewbit/server: the HTTP handler of `fewbit serve`, for programs of their own. It runs wherever Request and Response exist. */
export { createServer, type Server, type ServerOptions } from "../server/create-server.ts";
export type { LoadableModel } from "../server/served-model.ts";
