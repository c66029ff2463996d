/**
 * Runs made-up calls through an engine that is thrown away, so that the first real ones after a takeover, which come all at once, do
 * not run code that has never run: V8 compiles what it has seen often.
 */
import { CallTable } from "../calls/call-table.ts";
import type { Identity } from "../proxy/identity.ts";
import { SipProxy } from "../proxy/proxy.ts";
import { MemoryJournal } from "../replication/memory-journal.ts";
import type { Target } from "../routing/target.ts";
import { TimerWheel } from "../sip/timer/timer-wheel.ts";
import { DEFAULT_TIMERS } from "../sip/transaction/timer-settings.ts";
import { parseUri } from "../sip/uri.ts";
import type { Flow } from "../transport/flow.ts";
import { NodeJournal } from "./node-journal.ts";
import { restoreRecords } from "./restore.ts";

/** More change nothing any more. */
const CALLS_MAX = 3_000;
/** A start must not be late for it. */
const TIME_MS_MAX = 1_000;
/** Calls that are taken over at once, so that this code has run, too. */
const TAKEN_OVER = 100;
const MONTH_MS = 2_592_000_000;

const CALLER: Flow = { transport: "udp", listener: 0, address: "192.0.2.1", port: 5060, connection: 0 };
const CALLEE = "192.0.2.2";
const POLICY = {
  noAnswerAfterMs: 2_000,
  noProgressAfterMs: 60_000,
  on: new Set([503]),
  afterProgress: false,
  maxAttempts: 1,
};
const TARGET: Target = {
  id: `udp:${CALLEE}:5060`,
  group: "callee",
  name: `sip:${CALLEE}`,
  uri: parseUri(`sip:${CALLEE}`),
  transport: "udp",
  address: CALLEE,
  port: 5060,
  priority: 1,
  srvPriority: 0,
  weight: 1,
  mayUseTcp: false,
  maxCalls: null,
  maxCallsPerSecond: null,
};
const SILENT = { debug: () => {}, info: () => {}, warn: () => {} };

/** @returns calls that ran to their end, and how long that took */
export function warmUp(identity: Identity): { calls: number; ms: number } {
  const began = performance.now();
  let world = new Rehearsal(identity, 0);
  let calls = 0;
  for (let n = 0; n < CALLS_MAX && performance.now() - began < TIME_MS_MAX; n++) {
    world.begin(n);
    if (n % TAKEN_OVER === TAKEN_OVER - 1) {
      world = world.takenOver(identity);
      for (let each = n + 1 - TAKEN_OVER; each <= n; each++) if (world.end(each)) calls++;
    }
  }
  return { calls, ms: performance.now() - began };
}

/** An engine without a network: what it sends is looked at, and answered at once. */
class Rehearsal {
  private readonly proxy: SipProxy;
  private readonly calls: CallTable;
  private readonly records = new MemoryJournal();
  private readonly journal = new NodeJournal(this.records, "off");
  private readonly wheel: TimerWheel;
  private now: number;
  private sent: string[] = [];
  private ended = 0;
  /** As the callee got them. */
  private invites = new Map<number, string>();

  constructor(identity: Identity, now: number) {
    this.now = now;
    this.wheel = new TimerWheel(now, 10);
    this.calls = new CallTable({
      wheel: this.wheel,
      wall: () => this.now + 1,
      now: () => this.now,
      node: "warm-up",
      maxDurationMs: MONTH_MS,
      write: (_, call) => {
        this.ended++;
        this.journal.callSettled(call);
      },
      changed: (call) => this.journal.callChanged(call),
      hangUp: () => {},
    });
    this.proxy = new SipProxy({
      transports: {
        send: (_, text) => this.sent.push(text),
        isOpen: () => true,
        alias: () => true,
      },
      wheel: this.wheel,
      now: () => this.now,
      log: SILENT,
      calls: this.calls,
      journal: this.journal,
      watch: { heard: () => {}, silent: () => {}, failed: () => {} },
      locate: () => null,
      identity,
      secrets: ["of nobody: nothing leaves"],
      timers: DEFAULT_TIMERS,
      timerCMs: MONTH_MS,
      setupTimeoutMs: MONTH_MS,
      router: {
        hasEmergency: false,
        classify: () => "caller",
        isTargetAddress: () => true,
        plan: () => ({
          route: 0,
          targets: [TARGET],
          emergency: false,
          user: null,
          failover: () => POLICY,
          panic: false,
          emptyBecause: "",
        }),
      },
    });
  }

  /** INVITE, 100, 180; the even ones 200 and ACK, too. */
  begin(n: number): void {
    this.now++;
    this.wheel.advance(this.now);
    const invite = this.forwarded(request("INVITE", n, ""), "INVITE");
    this.invites.set(n, invite);
    for (const status of n % 2 === 0 ? [100, 180, 200] : [100, 180]) this.answer(invite, status);
    if (n % 2 === 0) this.forwarded(request("ACK", n, this.routeOf(n)), "ACK");
  }

  /** BYE and its 200, or CANCEL, 200, 487 and ACK. @returns has the call been accounted for? */
  end(n: number): boolean {
    const before = this.ended;
    if (n % 2 === 0) {
      const bye = this.forwarded(request("BYE", n, this.routeOf(n)), "BYE");
      this.answer(bye, 200);
    } else {
      this.answer(this.forwarded(request("CANCEL", n, ""), "CANCEL"), 200);
      this.answer(this.invites.get(n) ?? "", 487);
      this.forwarded(request("ACK", n, ""), "ACK");
    }
    this.invites.delete(n);
    return this.ended > before;
  }

  takenOver(identity: Identity): Rehearsal {
    const successor = new Rehearsal(identity, this.now);
    const records = this.records.records(this.now).map(([key, text]) => [key, { text, at: 0 }] as const);
    const { arm } = restoreRecords(records, {
      proxy: successor.proxy,
      calls: successor.calls,
      journal: successor.journal,
      now: this.now,
      ageOf: () => 0,
      targets: [TARGET],
      transactionMs: DEFAULT_TIMERS.transactionMs,
      timerCMs: MONTH_MS,
      other: () => false,
    });
    arm();
    successor.invites = this.invites;
    return successor;
  }

  private routeOf(n: number): string {
    return /^Record-Route: (.*)$/m.exec(this.invites.get(n) ?? "")?.[1]?.trim() ?? "";
  }

  /** What the callee gets of it; "": nothing. */
  private forwarded(text: string, method: string): string {
    this.sent = [];
    this.proxy.receive(text, CALLER);
    return this.sent.find((each) => each.startsWith(`${method} `)) ?? "";
  }

  private answer(to: string, status: number): void {
    if (to === "") return;
    const lines = to.split("\r\n").filter((line) => /^(?:Via|Record-Route|From|Call-ID|CSeq):/.test(line));
    this.proxy.receive(
      `SIP/2.0 ${status} Rehearsed\r\n${lines.join("\r\n")}\r\nTo: <sip:callee@${CALLEE}>;tag=b\r\n` +
        `Contact: <sip:callee@${CALLEE}>\r\nContent-Length: 0\r\n\r\n`,
      { ...CALLER, address: CALLEE },
    );
  }
}

function request(method: string, n: number, route: string): string {
  const isInDialog = route !== "";
  const branch = isInDialog ? `${method}${n}` : `${n}`;
  return (
    `${method} sip:callee@${CALLEE} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKw${branch};rport\r\n` +
    `${isInDialog ? `Route: ${route}\r\n` : ""}Max-Forwards: 70\r\nFrom: <sip:caller@192.0.2.1>;tag=a\r\n` +
    `To: <sip:callee@${CALLEE}>${isInDialog ? ";tag=b" : ""}\r\nCall-ID: warm-up-${n}\r\n` +
    `CSeq: ${method === "BYE" ? 2 : 1} ${method}\r\nContact: <sip:caller@192.0.2.1>\r\nContent-Length: 0\r\n\r\n`
  );
}
