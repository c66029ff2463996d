// Runs in a host of the lab: follows one name by the node's own resolver, and writes a JSON line for each change.
import { parseConfig } from "../../src/config/load-config.ts";
import { systemResolver } from "../../src/dns/system-resolver.ts";
import { SystemClock } from "../../src/node/system-clock.ts";

const [config = "", host = "", transport] = process.argv.slice(2);
const clock = new SystemClock();
const { resolver } = systemResolver(parseConfig(config, { file: "dns-watch", env: {} }).dns, {
  clock,
  reach: { transports: ["udp", "tcp"], families: [4] },
  onChange: (_query, location) => {
    const age = location.staleSinceMs === null ? null : clock.now() - location.staleSinceMs;
    process.stdout.write(`${JSON.stringify({ at: Date.now(), age, ...location })}\n`);
  },
});
resolver.follow({ host, port: 0, transport: transport === "udp" ? transport : null, secure: false });
