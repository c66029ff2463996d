/** Who has the floating IP? Asked by an OPTIONS from the node's own address, and on the wire beside it (docs/takeover.md). */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { DgramAsPromised } from "dgram-as-promised";
import type { ProbeOutcome } from "../../cluster/evidence.ts";
import { PROBE_HEADER, type ProbeSigner } from "../../cluster/probe-token.ts";
import type { Holder } from "../../floating-ip/holder.ts";
import { hostOf } from "../../sip/uri.ts";

/** A node that serves answers within a millisecond. */
const PROBE_WAIT_MS = 100;
/** The question is sent again once: one lost datagram is no silence. */
const AGAIN_AFTER_MS = 40;
const NONCE_BYTES = 18;

export interface ProbedAddress {
  readonly address: string;
  readonly port: number;
  /** "": none named. */
  readonly interface: string;
}

export interface ProbePorts {
  readonly signer: ProbeSigner;
  /** Of this life: whose answer is our own. */
  readonly boot: string;
  readonly target: ProbedAddress;
  /** Addresses that are not the node's own. */
  readonly floating: ReadonlySet<string>;
  readonly whoHas: () => Promise<Holder>;
}

const SERVING = new Set(["active", "taking-over", "stepping-down"]);

/** Answers within {@link PROBE_WAIT_MS} and a little. Never rejects. */
export async function askOwner(ports: ProbePorts): Promise<ProbeOutcome> {
  const holder = ports.whoHas();
  const word = await askBySip(ports);
  if (word !== null) return word;
  // Where the wire can't be asked, or somebody answered there, the address may be on a node that is frozen.
  const { kind } = await holder;
  if (kind === "cut-off") return "unasked";
  return kind === "unanswered" ? "arp-silent" : "sip-silent";
}

/** @returns null where nothing came */
async function askBySip(ports: ProbePorts): Promise<ProbeOutcome | null> {
  const { address, port } = ports.target;
  const own = ownAddress(ports);
  const socket = DgramAsPromised.createSocket(isIPv6(address) ? "udp6" : "udp4");
  try {
    await socket.bind(own === null ? { port: 0 } : { address: own, port: 0 });
    // Connected, so that a refusal (ICMP port unreachable) is told.
    await new Promise<void>((connected, failed) => {
      socket.socket.once("error", failed);
      socket.socket.connect(port, address, connected);
    });
    return await exchange(socket.socket, ports);
  } catch {
    return null; // no route, no address of our own: nothing was heard
  } finally {
    socket.socket.close();
  }
}

function exchange(socket: Socket, { signer, boot, target }: ProbePorts): Promise<ProbeOutcome | null> {
  const nonce = randomBytes(NONCE_BYTES).toString("base64url");
  const request = optionsRequest(socket, target, { nonce, question: signer.question(nonce) });
  return new Promise((resolve) => {
    const end = (outcome: ProbeOutcome | null): void => {
      clearTimeout(again);
      clearTimeout(limit);
      resolve(outcome);
    };
    const send = (): void => {
      socket.send(request, (error) => {
        if (error) end(isRefusal(error) ? "refused" : null);
      });
    };
    socket.on("message", (datagram) => {
      const text = datagram.toString("latin1");
      // Who never saw the question can't answer it: a datagram that only bears the address is no owner of it.
      if (text.includes(nonce)) end(outcomeOf(text, { signer, boot, nonce }));
    });
    socket.on("error", (error) => end(isRefusal(error) ? "refused" : null));
    const again = setTimeout(send, AGAIN_AFTER_MS);
    const limit = setTimeout(() => end(null), PROBE_WAIT_MS);
    send();
  });
}

function outcomeOf(
  text: string,
  own: { readonly signer: ProbeSigner; readonly boot: string; readonly nonce: string },
): ProbeOutcome {
  const line = new RegExp(`\\r\\n${PROBE_HEADER}: *([^\\r\\n]*)`, "i").exec(text)?.[1] ?? "";
  const answer = own.signer.read(line, own.nonce);
  if (answer === null) return "foreign";
  if (answer.boot === own.boot) return "own";
  return SERVING.has(answer.role) ? "active" : "idle";
}

function isRefusal(error: Error): boolean {
  return "code" in error && error.code === "ECONNREFUSED";
}

function optionsRequest(
  socket: Socket,
  target: ProbedAddress,
  { nonce, question }: { nonce: string; question: string },
): string {
  const local = socket.address();
  const self = `${hostOf(local.address)}:${local.port}`;
  const uri = `sip:${hostOf(target.address)}:${target.port}`;
  return (
    `OPTIONS ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${self};branch=z9hG4bK${nonce};rport\r\nMax-Forwards: 70\r\n` +
    `From: <sip:probe@${self}>;tag=${nonce}\r\nTo: <${uri}>\r\nCall-ID: ${nonce}\r\nCSeq: 1 OPTIONS\r\n` +
    `${PROBE_HEADER}: ${question}\r\nContent-Length: 0\r\n\r\n`
  );
}

/** On the floating IP's interface; null: the system chooses. */
function ownAddress({ target, floating }: ProbePorts): string | null {
  const family = isIPv6(target.address) ? "IPv6" : "IPv4";
  const found = (networkInterfaces()[target.interface] ?? []).find(
    (each) => each.family === family && !floating.has(each.address) && !each.address.startsWith("fe80:"),
  );
  return found?.address ?? null;
}
