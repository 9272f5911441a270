import { expect, test } from "vitest";
import { Hosts, loopbackHosts } from "./hosts.ts";

const request = (url: string, origin?: string): Request =>
  new Request(url, { ...(origin !== undefined && { headers: { origin } }) });

test.each([
  ["http://localhost:8000/v1/models", undefined],
  ["http://LOCALHOST/", undefined],
  ["http://[::1]:8000/", "http://[::1]:8000"],
  ["http://127.0.0.1:8000/", "http://127.0.0.1:8000"],
  ["http://127.0.0.1:8000/", "http://localhost:3000"], // what else runs on this machine
  ["http://127.0.0.1:8000/", "https://trusted.example"],
])("%s is called, from %s", (url, origin) => {
  expect(() => new Hosts(loopbackHosts, ["https://trusted.example"]).check(request(url, origin))).not.toThrow();
});

test.each([
  ["http://evil.example:8000/", undefined, "is called localhost, 127.0.0.1, [::1], not evil.example"],
  ["http://localhost.evil.example/", undefined, "--allowed-host"],
  ["http://127.0.0.1:8000/", "https://evil.example", "pages of https://evil.example may not ask here"],
  ["http://127.0.0.1:8000/", "null", "pages of null"],
])("%s is refused, from %s", (url, origin, message) => {
  expect(() => new Hosts(loopbackHosts, []).check(request(url, origin))).toThrow(message);
});

test("without names anybody may call", () => {
  expect(() => new Hosts(undefined, []).check(request("http://any.example/", "https://other.example"))).not.toThrow();
});
