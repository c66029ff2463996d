/**
 * The Via branch that Tandem writes: the same request to the same target gets the same branch on any node, and a response
 * shows by it alone that it answers something that this cluster sent.
 *
 *   z9hG4bK  1        1..z, A..Z  5 letters  10 letters  16 letters
 *   cookie   version  attempt     target     loop value  signature
 *
 * The attempt of a request inside a dialog is an upper-case letter: its response alone would not show that it began no call.
 * The loop value covers what RFC 5393 §4.2.2 names, so that equal is a loop and different a spiral. The signature covers
 * the three before it, the Via below with its received and rport, Call-ID, From tag and CSeq.
 */

import type { Via } from "../sip/header/via.ts";
import { PROXY_AUTHORIZATION, PROXY_REQUIRE, ROUTE } from "../sip/message/header-name.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { madeUp } from "../sip/signing/made-up.ts";
import { letters, Mix, mix32 } from "../sip/signing/mix.ts";
import { Signer } from "../sip/signing/signer.ts";

/** What every branch of ours begins with: the cookie and the version. */
export const BRANCH_PREFIX = "z9hG4bK1";
const ATTEMPT_AT = BRANCH_PREFIX.length;
const LOOP_AT = ATTEMPT_AT + 6;
const SIGNATURE_AT = LOOP_AT + 10;
const SIGNATURE_LENGTH = 16; // 96 bits
const LENGTH = SIGNATURE_AT + SIGNATURE_LENGTH;
/** Attempts that one letter can number. */
export const ATTEMPTS_MAX = 35;

/** What of a transaction both its request and its responses show. */
export interface BranchScope {
  /** Canonical text of the Via below ours; see {@link viaText}. */
  readonly nextVia: string;
  readonly callId: string;
  readonly fromTag: string;
  readonly cseq: number;
  /** INVITE stands for CANCEL and ACK too, as their branch is the INVITE's (RFC 3261 §9.1, §17.1.1.3). */
  readonly method: string;
}

export class BranchSigner {
  private readonly signer: Signer;
  private readonly seeds: readonly number[];

  constructor(secrets: readonly string[]) {
    this.signer = new Signer(secrets, "branch");
    this.seeds = secrets.map((secret) => mix32(secret, 0x5393));
  }

  /**
   * @param target  transport, address and port that the request goes to
   * @param attempt of {@link attemptMark}
   * @param loop    of {@link loopValue}
   */
  branch(scope: BranchScope, target: string, attempt: string, loop: string): string {
    const head = madeUp(BRANCH_PREFIX + attempt + letters(mix32(target)) + loop);
    return head + this.signer.sign(signed(head, scope), SIGNATURE_LENGTH);
  }

  /** For an ACK of a 2xx, which nobody answers: as deterministic, and not worth a signature (RFC 3261 §16.11). */
  unsigned(scope: BranchScope, target: string, loop: string): string {
    const mix = new Mix(this.seeds[0] ?? 0)
      .add(scope.nextVia)
      .add(scope.callId)
      .add(scope.fromTag)
      .add(target);
    return madeUp(`${BRANCH_PREFIX}a${letters(mix.uint32())}${loop}`);
  }

  /** Was this branch made by a node with one of our secrets, for what this response shows? */
  verify(branch: string, scope: BranchScope): boolean {
    if (!isOurs(branch)) return false;
    const head = branch.slice(0, SIGNATURE_AT);
    return this.signer.verify(signed(head, scope), branch.slice(SIGNATURE_AT));
  }

  /**
   * Ten letters over all that decides where the request goes (RFC 5393 §4.2.2, the Via left out).
   * @param group peer group of the sender, as rules look at it; "" where it is none
   */
  loopValue(request: SipMessage, group: string): string {
    return this.loopWith(this.seeds[0] ?? 0, request, group);
  }

  /** Does this branch of ours, found in a lower Via, say that the same request was here before (RFC 5393 §4.2.1)? */
  isLoop(branch: string, request: SipMessage, group: string): boolean {
    if (!isOurs(branch)) return false;
    const [before, loop] = [branch.slice(0, LOOP_AT), branch.slice(LOOP_AT, SIGNATURE_AT)];
    return this.seeds.some(
      (seed) => madeUp(before + this.loopWith(seed, request, group)).slice(LOOP_AT) === loop,
    );
  }

  private loopWith(seed: number, request: SipMessage, group: string): string {
    const mix = new Mix(seed).add(request.uri).add(request.callId).add(String(request.cseqNumber));
    mix.add(request.fromTag).add(request.toTag).add(group);
    for (let row = 0; row < request.rows; row++) {
      const id = request.idAt(row);
      if (id === ROUTE || id === PROXY_REQUIRE || id === PROXY_AUTHORIZATION) {
        mix.add(request.raw, request.valueStart(row), request.valueEnd(row));
      }
    }
    return mix.text();
  }
}

/** @param attempt 1..{@link ATTEMPTS_MAX}; inside a dialog there are no more than two for each of a few places */
export function attemptMark(attempt: number, inDialog: boolean): string {
  return inDialog ? String.fromCharCode(BEFORE_A + attempt) : attempt.toString(36);
}

/** Was the request inside a dialog? @param branch one that {@link BranchSigner.verify} has taken for ours */
export function isInDialog(branch: string): boolean {
  const mark = branch.charCodeAt(ATTEMPT_AT);
  return mark > BEFORE_A && mark <= Z;
}

const BEFORE_A = 0x40;
const Z = 0x5a;

function isOurs(branch: string): boolean {
  return branch.length === LENGTH && branch.startsWith(BRANCH_PREFIX);
}

function signed(head: string, scope: BranchScope): string {
  return `${head}\n${scope.nextVia}\n${scope.callId}\n${scope.fromTag}\n${scope.cseq} ${scope.method}`;
}

/**
 * The parts of a Via that say where a response goes, in one spelling: the next element may write parameters in another order.
 * @param received as it stands in the Via when it comes back: stamped by us on the way down
 */
export function viaText(via: Via, received: string, rport: string): string {
  return `${via.transport} ${via.host}:${via.port} ${via.branch} ${received} ${rport} ${via.maddr ?? ""}`;
}

/** INVITE for the three methods that share the INVITE's branch, else the method itself. */
export function branchMethod(method: string): string {
  return method === "ACK" || method === "CANCEL" ? "INVITE" : method;
}
