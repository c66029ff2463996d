// A process of a host that holds a floating IP as the engine does: adds it, announces it, renews it each 100 ms. Its
// events are lines of JSON on standard output. SIGTERM: gives it up.
import { Front } from "../../src/floating-ip/front.ts";
import { LinuxDriver } from "../../src/floating-ip/linux-driver.ts";

const RENEW_MS = 100;

const [address4 = "", address6 = ""] = process.argv.slice(2);
const addresses = [
  { address: address4, family: 4 as const, interface: "eth0" },
  ...(address6 === "" ? [] : [{ address: address6, family: 6 as const, interface: "eth0" }]),
];

function tell(event: string, detail: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...detail })}\n`);
}

const onFault = (reason: string): void => tell("fault", { reason });
const driver = new LinuxDriver({ addresses, lifetimeS: 1, events: { onFault } });
let servedAt = performance.now();
const front = new Front({
  interface: "eth0",
  addresses,
  witnesses: [],
  witnessSilenceMs: 300,
  // As the serving rule: a renewal that is older than this may serve nothing.
  mayAnnounce: () => performance.now() - servedAt < 400,
  events: {
    onFront: (state, reason) => tell("front", { state, reason }),
    onConflict: (claim) => tell("conflict", claim),
    onFault,
  },
});

async function giveUp(why: string): Promise<void> {
  clearInterval(renewals);
  front.withdraw();
  tell("removed", { why, ...(await driver.remove()) });
}

await driver.start();
await front.start();
const renewals = setInterval(() => {
  const renewal = driver.renew();
  if (renewal === "renewed" || renewal === "early") servedAt = performance.now();
  else void giveUp(renewal);
}, RENEW_MS);
setInterval(() => front.turn(), RENEW_MS).unref();
process.on("SIGTERM", () => {
  void giveUp("told to").then(async () => {
    await Promise.all([front.close(), driver.close()]);
    process.exit(0);
  });
});
tell("added", await driver.add());
front.announce();
