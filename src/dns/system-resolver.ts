/** A resolver on this machine's sockets and files, from the `dns` block of the configuration. */
import { randomInt } from "node:crypto";
import type { DnsConfig, ListenConfig } from "../config/config.ts";
import type { Clock } from "./clock.ts";
import { openHosts } from "./hosts-file.ts";
import type { Reach } from "./procedure.ts";
import { parseResolvConf } from "./resolv-conf.ts";
import { Resolver, type ResolverPorts } from "./resolver.ts";
import { ServerExchange, type ServerSettings } from "./server-exchange.ts";
import { tcpCarrier } from "./tcp-exchange.ts";
import { udpCarrier } from "./udp-exchange.ts";
import { WatchedFile } from "./watched-file.ts";

/** Where neither the configuration nor resolv.conf says; resolv.conf's own 5 s are longer than a caller waits. */
const DNS_TIMEOUT_DEFAULT_MS = 1_000;
const ATTEMPTS_DEFAULT = 2;

/** The system's files; tests have their own. */
export interface SystemFiles {
  readonly resolvConf: string;
  readonly hosts: string;
}

const SYSTEM_FILES: SystemFiles = { resolvConf: "/etc/resolv.conf", hosts: "/etc/hosts" };

export type SystemPorts = Pick<ResolverPorts, "reach" | "onChange"> & { readonly clock: Clock };

/** What can be reached from these local addresses. */
export function reachOf(listeners: readonly Pick<ListenConfig, "transport" | "address">[]): Reach {
  const transports = (["udp", "tcp"] as const).filter((each) =>
    listeners.some(({ transport }) => transport === each),
  );
  const families = ([4, 6] as const).filter((each) =>
    listeners.some(({ address }) => address.includes(":") === (each === 6)),
  );
  return { transports, families };
}

/** Opens nothing until it is asked. `close()` ends its timers. */
export function systemResolver(
  config: DnsConfig,
  ports: SystemPorts,
  files: SystemFiles = SYSTEM_FILES,
): { resolver: Resolver; exchange: ServerExchange } {
  const now = (): number => ports.clock.now();
  const resolvConf = new WatchedFile(files.resolvConf, { parse: parseResolvConf, now });
  const settings = (): ServerSettings => {
    const system = resolvConf.value;
    return {
      servers: config.servers.length > 0 ? config.servers : system.servers,
      timeoutMs: config.timeoutMs ?? system.timeoutMs ?? DNS_TIMEOUT_DEFAULT_MS,
      attempts: config.attempts ?? system.attempts ?? ATTEMPTS_DEFAULT,
    };
  };
  const exchange = new ServerExchange({
    clock: ports.clock,
    randomId: () => randomInt(65_536),
    udp: udpCarrier,
    tcp: tcpCarrier,
    settings,
  });
  const random = (): number => randomInt(2 ** 32) / 2 ** 32;
  const hosts = openHosts(files.hosts, now);
  return { resolver: new Resolver({ ...ports, random, exchange, hosts, settings: config }), exchange };
}
