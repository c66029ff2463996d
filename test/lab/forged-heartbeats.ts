// Somebody without the secret, on a heartbeat network: sends what it has heard there, whole, cut and changed, and what it makes up.
// Arguments: a file with a datagram a line (base64), how many to send, and where to ("address:port" each), in turn.
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { ClusterSigner } from "../../src/cluster/signature.ts";

/** No more at once than the queues of two sockets in the kernel take; made up before, and sent again and again. */
const [A_MILLISECOND, BURST_MAX, MADE_UP] = [20, 80, 6_000] as const;
const LAST_MS = 100;
const KINDS = ["replayed", "truncated", "changed", "another secret", "foreign", "garbage"] as const;

const [file = "", count = "0", ...places] = process.argv.slice(2);
const heard = readFileSync(file, "utf8")
  .split("\n")
  .filter(Boolean)
  .map((line) => Buffer.from(line, "base64"));
const signer = new ClusterSigner(["a secret that is not the pair's"], "heartbeat");

/** From its number alone: one seed, one flood. */
function datagram(number: number): Buffer {
  const original = heard[number % heard.length] ?? Buffer.alloc(0);
  const text = original.toString("utf8");
  const json = text.slice(text.indexOf("{"));
  const place = 1 + ((number * 7_919) % (original.length - 1));
  switch (KINDS[number % KINDS.length]) {
    case "replayed":
      return original;
    case "truncated":
      return original.subarray(0, place);
    case "changed": {
      const changed = Buffer.from(original);
      changed[place] = (changed[place] ?? 0) ^ (1 << (number % 8));
      return changed;
    }
    case "another secret":
      return Buffer.from(`TANDEM/1 lab ${signer.sign(`lab ${json}`)} ${json}`);
    case "foreign":
      return Buffer.from(`TANDEM/1 other ${signer.sign(`other ${json}`)} ${json}`);
    default:
      return Buffer.from(
        Array.from({ length: 1 + (number % 1_600) }, (_, at) => (number * 31 + at * 17) % 256),
      );
  }
}

const forged = Array.from({ length: MADE_UP }, (_, number) => datagram(number));
const socket = createSocket("udp4");
const begun = performance.now();
let sent = 0;
const timer = setInterval(() => {
  const due = Math.min(Number(count), A_MILLISECOND * (performance.now() - begun), sent + BURST_MAX);
  for (; sent < due; sent++) {
    const [address = "", port = ""] = (places[sent % places.length] ?? "").split(":");
    socket.send(forged[Math.floor(sent / places.length) % MADE_UP] ?? "", Number(port), address);
  }
  if (sent < Number(count)) return;
  clearInterval(timer);
  setTimeout(() => socket.close(), LAST_MS); // the last ones are on their way
}, 1);
