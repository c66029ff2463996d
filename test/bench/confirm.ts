// What each mode of redis.confirm costs: how much later an INVITE and a 2xx leave, and the processor time a call, over a Redis of
// its own. The three modes take turns, as a machine that is busy slows them all. node test/bench/confirm.ts [calls a second]
import type { Confirm } from "../../src/proxy/context-journal.ts";
import type { Flow } from "../../src/transport/flow.ts";
import { ActiveNode } from "../integration/replication/nodes.ts";
import { RedisServer, settingsFor } from "../integration/replication/redis-server.ts";
import { answer, ProxyWorld, pbx, request, WORLD_CONFIG } from "../support/proxy-world.ts";

const RATE = Number(process.argv[2] ?? 500);
const ROUND_MS = 3_000;
const ROUNDS = 3;
const TURN_MS = 10;
const MODES = ["off", "invite", "2xx"] as const;

/** Callers who begin calls, and a PBX that answers each INVITE as soon as it has come. */
class MeasuredWorld extends ProxyWorld {
  readonly inviteMs: number[] = [];
  readonly answerMs: number[] = [];
  private readonly begunAt = new Map<string, number>();
  private begun = 0;

  constructor(active: ActiveNode, mode: Confirm) {
    super(WORLD_CONFIG, undefined, 1_000, { mode, journal: active.writer });
  }

  begin(): void {
    const id = `confirm-${this.begun++}`;
    this.begunAt.set(id, performance.now());
    const via = `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK${id};rport`;
    this.receive(request("INVITE", { callId: id, fromTag: id, via }));
  }

  protected override record(flow: Flow, text: string): void {
    super.record(flow, text);
    const sent = this.sent.pop();
    const { message } = sent ?? {};
    if (message?.method === "INVITE") {
      this.inviteMs.push(this.sinceBegun(message.callId));
      // As another datagram: the proxy has ended its turn by then.
      setImmediate(() => {
        this.begunAt.set(message.callId, performance.now());
        this.receive(answer(message, 200), pbx(1));
      });
    } else if (message?.status === 200 && message.cseqMethod === "INVITE")
      this.answerMs.push(this.sinceBegun(message.callId));
  }

  private sinceBegun(callId: string): number {
    return performance.now() - (this.begunAt.get(callId) ?? Number.NaN);
  }
}

async function round(world: MeasuredWorld): Promise<number> {
  const begun = performance.now();
  const used = process.cpuUsage();
  const turns = ROUND_MS / TURN_MS;
  for (let turn = 1; turn <= turns; turn++) {
    for (let call = 0; call < (RATE * TURN_MS) / 1_000; call++) world.begin();
    world.pass(TURN_MS);
    const wait = begun + turn * TURN_MS - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
  }
  const { user, system } = process.cpuUsage(used);
  return (user + system) / ((RATE * ROUND_MS) / 1_000);
}

function at(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
}

await using redis = await RedisServer.start();
const worlds = MODES.map((mode) => {
  const active = new ActiveNode(settingsFor(redis.port, { database: MODES.indexOf(mode) }));
  return { mode, active, world: new MeasuredWorld(active, mode), cpu: [] as number[] };
});
for (const each of worlds) {
  await each.active.committed();
  await round(each.world); // warms up
}
for (let n = 0; n < ROUNDS; n++) {
  for (const { world, cpu } of worlds) cpu.push(await round(world));
}
console.log(`${RATE} calls a second; milliseconds from a message's coming to its leaving, p50 and p99`);
for (const { mode, active, world, cpu } of worlds) {
  const [invite, answered] = [world.inviteMs, world.answerMs].map((ms) => `${at(ms, 0.5)} ${at(ms, 0.99)}`);
  const early = active.writer.counts.unconfirmed;
  console.log(
    `${mode.padEnd(6)} INVITE ${invite}, 2xx ${answered}, ${at(cpu, 0.5)} µs a call, ${early} of ${world.answerMs.length} early`,
  );
  active[Symbol.dispose]();
}
