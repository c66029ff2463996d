// Faults of the network, made in a host and healed by the function that each returns. (Faults of programs are
// signals: `Program.kill`, `freeze`.) Loss is made by nftables: `tc netem` is missing on many kernels.
import { randomBytes } from "node:crypto";
import { runCommand } from "./command.ts";
import type { Host } from "./host.ts";

/** Takes the fault away. Call it once. */
export type Heal = () => void;

/** Several faults, healed at once. */
export function together(...heals: readonly Heal[]): Heal {
  return () => {
    for (const heal of heals) heal();
  };
}

/** Puts rules into a table of their own, so that several faults of one host do not get into each other's way. */
function filter(host: Host, hook: "input" | "output", rules: readonly string[]): Heal {
  const table = `inet lab_${randomBytes(4).toString("hex")}`;
  host.run(
    ["nft", "-f", "-"],
    `table ${table} {\n chain faults {\n type filter hook ${hook} priority 0;\n${rules.join("\n")}\n }\n}\n`,
  );
  return () => void host.run(["nft", "delete", "table", ...table.split(" ")]);
}

/** The host hears nothing that is sent to this port, and says nothing about it: a silent target. */
export function deafen(host: Host, transport: "udp" | "tcp", port: number): Heal {
  return filter(host, "input", [`${transport} dport ${port} drop`]);
}

/** The host's kernel no longer says that a port is closed or an address unreachable, as behind a firewall. */
export function silenceIcmp(host: Host): Heal {
  return filter(host, "output", [
    "icmp type destination-unreachable drop",
    "icmpv6 type destination-unreachable drop",
    "tcp flags & rst == rst drop",
  ]);
}

/** Loses a share of the packets that arrive. @param ratio 0..1, in steps of a thousandth */
export function losePackets(host: Host, ratio: number): Heal {
  const inThousand = Math.round(ratio * 1000);
  const share = inThousand >= 1000 ? "" : `numgen random mod 1000 < ${inThousand}`;
  return filter(host, "input", [`iifname != "lo" ${share} counter drop`]);
}

/** Packets that {@link losePackets} has taken from a host since. */
export function packetsLost(host: Host): number {
  const counters = host.run(["nft", "list", "ruleset"]).matchAll(/counter packets (\d+)/g);
  return counters.reduce((sum, [, packets]) => sum + Number(packets), 0);
}

/**
 * Pulls cables at the switch: the host keeps its addresses and loses its carrier.
 * @param networks those of one host go down within a millisecond: it has no time to say farewell over the other; default: the first
 */
export function unplug(host: Host, ...networks: readonly string[]): Heal {
  const ends = networks.length === 0 ? [host.attachment()] : networks.map((name) => host.attachment(name));
  const set = (state: "up" | "down"): string =>
    runCommand(
      ["ip", "-n", host.switchNamespace, "-batch", "-"],
      ends.map(({ port }) => `link set ${port} ${state}\n`).join(""),
    );
  set("down");
  return () => void set("up");
}

/** The host and an address hear nothing of each other, and are not told so. */
export function cutOff(host: Host, address: string): Heal {
  const family = address.includes(":") ? "ip6" : "ip";
  return together(
    filter(host, "input", [`${family} saddr ${address} drop`]),
    filter(host, "output", [`${family} daddr ${address} drop`]),
  );
}
