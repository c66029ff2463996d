// A stand-in for the engine under a guardian: the first one of a lab holds the address, those after it stand by.
// SIGUSR2: its loop is blocked for good. SIGTERM: gives the address up and ends, but for one that "hangs": it goes on as if not told.
import { existsSync, writeFileSync } from "node:fs";
import { LinuxDriver } from "../../src/floating-ip/linux-driver.ts";
import { openGuardianLink } from "../../src/guardian/engine-link.ts";

const [address = "", peer = "", own = "", marker = "", how = ""] = process.argv.slice(2);

function tell(event: string, detail: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event, pid: process.pid, ...detail })}\n`);
}

if (address === "refuse") process.exit(2);

const addresses = [{ address, family: 4 as const, interface: "eth0" }];
const driver = new LinuxDriver({
  addresses,
  lifetimeS: 1,
  events: { onFault: (reason) => tell("fault", { reason }) },
});

async function giveUp(why: string): Promise<void> {
  clearInterval(renewals);
  tell("removed", { why, ...(await driver.remove()) });
  link?.report({ holds: false, ready: true, status: "standby" });
}

const link = openGuardianLink(() => {
  void giveUp("guardian lost").then(() => process.exit(1));
});
process.on("SIGUSR2", () => {
  for (;;) void 0;
});
process.on("SIGTERM", () => {
  if (how === "hangs") return;
  void giveUp("told to").then(async () => {
    link?.close();
    await driver.close();
    tell("ended");
  });
});
setInterval(() => link?.beat(), 100).unref();
link?.settings({ driver: "linux", addresses, lifetimeS: 1 });
const holds = !existsSync(marker);
const renewals = setInterval(() => {
  if (driver.renew() === "lapsed") void giveUp("lapsed");
}, 100);
if (holds) {
  writeFileSync(marker, "");
  await driver.start();
  link?.report({ holds: true, ready: true, status: "active" });
  const word = (text: string): string => Buffer.from(text).toString("base64");
  const to = { address: peer, port: 7060 };
  link?.resignation([{ from: own, to, confirmed: word("gone"), unconfirmed: word("not sure") }]);
  await driver.add();
} else link?.report({ holds: false, ready: true, status: "standby" });
tell(holds ? "active" : "standby");
