/** A call through a {@link ProxyWorld}, told step by step: what each end sends, and what came of it. */
import assert from "node:assert/strict";
import type { Cdr } from "../../src/calls/cdr.ts";
import type { Flow } from "../../src/transport/flow.ts";
import {
  answer,
  CALLER,
  dialogOf,
  linesOf,
  only,
  ProxyWorld,
  pbx,
  type RequestParts,
  request,
  type Sent,
} from "./proxy-world.ts";

/** Longer than any transaction. */
export const TRANSACTIONS_OVER_MS = 65_000;

export class ScriptedCall {
  readonly world: ProxyWorld;
  readonly invite: Sent;
  private readonly callId: string;
  private branches = 0;

  /** The INVITE comes; it is at the first target then. */
  constructor(world = new ProxyWorld(), parts: Partial<RequestParts> = {}, flow: Flow = CALLER) {
    this.world = world;
    this.callId = parts.callId ?? "call-1@192.0.2.1";
    this.invite = world.invite({ via: viaOf(`invite-${this.callId}`), ...parts }, flow);
  }

  /** The target that has the INVITE answers it. */
  answers(status: number, parts: Parameters<typeof answer>[2] = {}, invite = this.invite): Sent[] {
    return this.world.receive(answer(invite.message, status, parts), invite.flow);
  }

  /** Rings for a second, and is answered. */
  up(headers = ""): this {
    this.answers(180);
    this.world.pass(1_000);
    this.answers(200, { headers });
    return this;
  }

  /** The caller sends a request inside the dialog. */
  byCaller(method: string, parts: Partial<RequestParts> = {}): Sent {
    const via = viaOf(`in-${this.callId}-${this.branches++}`);
    const dialog = dialogOf(this.invite, method);
    const text = request(method, { ...dialog, callId: this.callId, via, ...parts });
    return only(this.world.receive(text), method);
  }

  /** The callee does. */
  byCallee(method: string, cseq: number, more: readonly string[] = []): Sent {
    const { world, invite, callId } = this;
    const routes = linesOf(invite.message, "record-route").map((value) => `Route: ${value}`);
    const lines = [
      `${method} sip:alice@192.0.2.1:5060 SIP/2.0`,
      `Via: SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKcallee${callId.replaceAll("@", "-")}-${this.branches++};rport`,
      ...routes,
      ...more,
      "Max-Forwards: 70",
      "From: <sip:bob@edge.example>;tag=b1",
      "To: <sip:alice@192.0.2.1>;tag=a1",
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} ${method}`,
      ...(more.some((line) => line.startsWith("Contact:")) ? [] : ["Contact: <sip:bob@10.1.0.11:5060>"]),
      "Content-Length: 0",
    ];
    return only(world.receive(`${lines.join("\r\n")}\r\n\r\n`, pbx(1)), method);
  }

  /** Whoever got it answers. */
  answered(sent: Sent, status: number, headers = "", contact?: string): Sent[] {
    const parts = contact === undefined ? { headers } : { headers, contact };
    return this.world.receive(answer(sent.message, status, parts), sent.flow);
  }

  /** Account of the one call that has ended. */
  get account(): Cdr {
    const [cdr, more] = this.world.cdrs;
    assert.ok(cdr !== undefined && more === undefined, `${this.world.cdrs.length} accounts`);
    return cdr;
  }

  /** Transactions end; then nothing is left of any call. */
  assertGone(): void {
    const { world } = this;
    world.pass(TRANSACTIONS_OVER_MS);
    assert.deepEqual([world.calls.size, world.wheel.size, world.idle], [0, 0, true]);
  }
}

export function viaOf(branch: string): string {
  return `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK${branch.replaceAll("@", "-")};rport`;
}
