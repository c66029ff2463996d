/** What is left of an answered INVITE, made a context again. */
import { AnsweredInvite } from "./answered-invite.ts";
import { ContextTimer } from "./context-timer.ts";
import type { Core } from "./core.ts";
import type { Branch, ResponseContext } from "./response-context.ts";

/** Its context, which runs from now on. */
export function expand(core: Core, invite: AnsweredInvite): ResponseContext {
  const timer = new ContextTimer(core);
  const context = { ...invite.context(), timer };
  timer.context = context;
  core.finished.takeInvite(invite);
  core.journal.moved(invite, context);
  core.contexts.set(context.key, context);
  for (const branch of context.branches) core.clients.set(branch.id, { branch, context });
  core.wheel.schedule(timer, invite.until);
  return context;
}

/** By server transaction key. @returns undefined where none runs here */
export function contextOf(core: Core, key: string): ResponseContext | undefined {
  const context = core.contexts.get(key);
  if (context !== undefined) return context;
  const answer = core.finished.answers.find(key);
  return answer instanceof AnsweredInvite ? expand(core, answer) : undefined;
}

/** By branch. @returns undefined where no context has it */
export function clientOf(
  core: Core,
  branch: string,
): { branch: Branch; context: ResponseContext } | undefined {
  const client = core.clients.get(branch);
  const invite = client === undefined ? core.finished.invites.get(branch) : undefined;
  if (invite === undefined) return client;
  expand(core, invite);
  return core.clients.get(branch);
}
