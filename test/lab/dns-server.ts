// A DNS server in a host of the lab: Knot DNS, authoritative for zones that a test changes while it runs.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";

const DNS_PORT = 53;

/** Records of a zone in the format of RFC 1035 §5, without SOA and NS; names are relative to the domain. */
export type Zones = Readonly<Record<string, string>>;

export interface DnsOptions {
  /** TTL of records that name none; default 1 s, so that tests are short. */
  ttlS?: number;
  /** How long negative answers hold; default 1 s. */
  negativeTtlS?: number;
}

export class DnsServer {
  readonly host: Host;
  readonly #options: Required<DnsOptions>;
  readonly #folder: string;
  readonly #domains: readonly string[];
  #serial = 0;
  #program: Program | null = null;

  private constructor(host: Host, zones: Zones, options: DnsOptions) {
    this.host = host;
    this.#options = { ttlS: 1, negativeTtlS: 1, ...options };
    this.#folder = join(host.directory, `${host.name}-knot`);
    this.#domains = Object.keys(zones);
    mkdirSync(this.#folder);
    for (const [domain, records] of Object.entries(zones)) this.#write(domain, records);
    writeFileSync(join(this.#folder, "knot.conf"), this.#config());
  }

  /** Starts the server on port 53 of the host, IPv4, UDP and TCP; resolves when it listens. */
  static async start(host: Host, zones: Zones, options: DnsOptions = {}): Promise<DnsServer> {
    const server = new DnsServer(host, zones, options);
    await server.restart();
    return server;
  }

  /** The running program, to be killed or frozen. */
  get program(): Program {
    if (this.#program === null) throw new Error(`the DNS server of ${this.host.name} was never started`);
    return this.#program;
  }

  /** Starts it anew with the zones that were set last. */
  async restart(): Promise<void> {
    if (this.#program?.running === true) await this.#program.stop("SIGKILL");
    this.#program = this.host.start("knot", ["knotd", "-c", join(this.#folder, "knot.conf")]);
    for (const transport of ["udp", "tcp"] as const) await this.#program.untilBound(transport, DNS_PORT);
    // It listens before its zones are there, and answers REFUSED until then.
    for (const domain of this.#domains) {
      await this.#program.untilOutput(new RegExp(`\\[${domain.replaceAll(".", "\\.")}\\.\\] loaded`), 5_000);
    }
  }

  /** Replaces the records of a domain; they are served when this returns. */
  change(domain: string, records: string): void {
    this.#write(domain, records);
    this.host.run(["knotc", "-b", "-s", this.#control, "zone-reload", domain]);
  }

  get #control(): string {
    return join(this.#folder, "control.sock");
  }

  #write(domain: string, records: string): void {
    const { ttlS, negativeTtlS } = this.#options;
    const soa = `@ ${negativeTtlS} SOA ns hostmaster ${++this.#serial} 3600 600 86400 ${negativeTtlS}`;
    const zone = `$ORIGIN ${domain}.\n$TTL ${ttlS}\n${soa}\n@ NS ns\nns A ${this.host.ip4}\n${records}\n`;
    writeFileSync(join(this.#folder, `${domain}.zone`), zone.replace(/^ +/gm, ""));
  }

  #config(): string {
    return `
server:
    listen: ${this.host.ip4}@${DNS_PORT}
    rundir: ${this.#folder}
    user: root:root
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: ${this.#folder}
control:
    listen: ${this.#control}
template:
  - id: default
    storage: ${this.#folder}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
${this.#domains.map((domain) => `  - domain: ${domain}\n    file: ${domain}.zone\n`).join("")}`;
  }
}
