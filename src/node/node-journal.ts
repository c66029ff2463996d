/** What of a running node a successor must know: each live thing owns its entry in the journal, and is read when that is written. */
import type { Call } from "../calls/call.ts";
import { AnsweredInvite } from "../proxy/answered-invite.ts";
import type { Confirm, ContextJournal } from "../proxy/context-journal.ts";
import type { OwnRequest } from "../proxy/own-request.ts";
import type { ResponseContext } from "../proxy/response-context.ts";
import { callRecord, callRecordKey } from "../replication/call-record.ts";
import { type Journal, JournalEntry, type RecordSource } from "../replication/journal.ts";
import { contextRecord, ownRecord } from "./context-record.ts";

/** Of a context's record; its server transaction key follows. */
export const CONTEXT_KIND = "invite";
/** Of a request of our own; method and branch follow. */
export const OWN_KIND = "own";

class ContextSource implements RecordSource {
  context: ResponseContext | AnsweredInvite;

  constructor(context: ResponseContext) {
    this.context = context;
  }

  encode(now: number): string {
    const { context } = this;
    return contextRecord(context instanceof AnsweredInvite ? context.context() : context, now);
  }
}

class OwnSource implements RecordSource {
  private readonly own: OwnRequest;

  constructor(own: OwnRequest) {
    this.own = own;
  }

  encode(now: number): string {
    return ownRecord(this.own, now);
  }
}

class CallSource implements RecordSource {
  private readonly call: Call;

  constructor(call: Call) {
    this.call = call;
  }

  encode(now: number): string {
    return callRecord(this.call, now);
  }
}

export class NodeJournal implements ContextJournal {
  readonly confirm: Confirm;
  private readonly journal: Journal;

  constructor(journal: Journal, confirm: Confirm) {
    this.journal = journal;
    this.confirm = confirm;
  }

  changed(context: ResponseContext): void {
    this.journal.mark(contextEntry(context));
  }

  moved(from: ResponseContext | AnsweredInvite, to: ResponseContext | AnsweredInvite): void {
    const { record } = from;
    from.record = null;
    to.record = record;
    if (record instanceof JournalEntry && record.source instanceof ContextSource) record.source.context = to;
  }

  ended(context: ResponseContext | AnsweredInvite): void {
    end(this.journal, context);
  }

  ownChanged(own: OwnRequest): void {
    this.journal.mark(ownEntry(own));
  }

  ownEnded(own: OwnRequest): void {
    end(this.journal, own);
  }

  ownRestored(own: OwnRequest): void {
    this.journal.adopt(ownEntry(own));
  }

  confirmed(leave: () => void): void {
    this.journal.confirmed(leave);
  }

  /** The store has the record of this context as it is. */
  contextRestored(context: ResponseContext): void {
    this.journal.adopt(contextEntry(context));
  }

  /** Its end too: a call that has ended stays until its account is written. */
  callChanged(call: Call): void {
    this.journal.mark(callEntry(call));
  }

  callRestored(call: Call): void {
    this.journal.adopt(callEntry(call));
  }

  /** Its account is written, or there is none to be written. */
  callSettled(call: Call): void {
    end(this.journal, call);
  }
}

function contextEntry(context: ResponseContext): JournalEntry {
  if (context.record instanceof JournalEntry) return context.record;
  const entry = new JournalEntry(`${CONTEXT_KIND} ${context.key}`, new ContextSource(context));
  context.record = entry;
  return entry;
}

function ownEntry(own: OwnRequest): JournalEntry {
  if (own.record instanceof JournalEntry) return own.record;
  const entry = new JournalEntry(`${OWN_KIND} ${own.method} ${own.branch}`, new OwnSource(own));
  own.record = entry;
  return entry;
}

function callEntry(call: Call): JournalEntry {
  if (call.record instanceof JournalEntry) return call.record;
  const entry = new JournalEntry(callRecordKey(call), new CallSource(call));
  call.record = entry;
  return entry;
}

function end(journal: Journal, owner: { record: object | null }): void {
  const { record } = owner;
  owner.record = null;
  if (record instanceof JournalEntry) journal.end(record);
}
