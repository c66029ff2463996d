/**
 * A call of which no record came, as its INVITE was forwarded in the last milliseconds of the node before: the final response that goes
 * up through this node tells of it.
 */
import type { Target } from "../routing/target.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import type { Flow } from "../transport/flow.ts";
import { isInDialog } from "./branch.ts";
import { factsOfResponse } from "./call-facts.ts";
import { tellOfStray } from "./concluded-elsewhere.ts";
import { type Core, placeOf } from "./core.ts";

/**
 * The first final of an INVITE that went through another node. A call that is unknown here is accounted for from now on, under the id
 * that the other node would have given it. A 2xx that is only repeated, of a call that has ended there, looks the same: where no message
 * follows, the account says that it is uncertain.
 * @param ends where the callee answered, and where the caller is
 */
export function onConcluded(core: Core, response: SipMessage, ends: { from: Flow; to: Flow }): void {
  const key = `${response.callId} ${response.fromTag}`;
  const isNew = learn(core, key, response, ends);
  tellOfStray(core, response);
  if (isNew) core.calls.doubt(key, core.now + core.timers.transactionMs);
}

/** The same where its caller has sent a CANCEL, for which the call is over whatever the final is. @param reason value of the CANCEL's Reason */
export function onCancelled(
  core: Core,
  response: SipMessage,
  { from, to, reason }: { from: Flow; to: Flow; reason: string },
): void {
  const key = `${response.callId} ${response.fromTag}`;
  learn(core, key, response, { from, to });
  const status = response.status < 300 ? 0 : response.status;
  core.calls.failed(key, { status, by: "cancel", reason });
}

/** @returns true: it is a call of ours from now on */
function learn(
  core: Core,
  key: string,
  response: SipMessage,
  { from, to }: { from: Flow; to: Flow },
): boolean {
  const { calls, now, restored, router } = core;
  if (now >= restored.unknownUntil || isInDialog(response.topVia.branch) || calls.knows(key)) return false;
  core.counters.add("restored.unknown-call");
  const { id, group } = targetAt(router.targets(), from) ?? { id: placeOf(from), group: "" };
  calls.began(key, factsOfResponse(response, to, router.classify(to.address) ?? ""), now);
  calls.tried(key, id, group, now);
  calls.attemptEnded(key, { id, group }, { status: response.status, reason: "" });
  return true;
}

/** The target that answered; by a stream, or from another port, the first at its address. */
function targetAt(targets: readonly Target[], { transport, address, port }: Flow): Target | null {
  let found: Target | null = null;
  for (const target of targets) {
    if (target.address !== address) continue;
    if (target.transport === transport && target.port === port) return target;
    found ??= target;
  }
  return found;
}
