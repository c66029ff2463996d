/** Record-Route (RFC 3261 §16.6 item 4), twice where transport or interface changes (RFC 5658 §3). */
import type { SipMessage } from "../sip/message/sip-message.ts";
import type { Core } from "./core.ts";
import type { Endpoint } from "./flow-token.ts";
import type { Hop, ResponseContext } from "./response-context.ts";

/** Methods that may begin a dialog (RFC 3261 §12, RFC 6665, RFC 3515). */
const BEGINS_DIALOG: ReadonlySet<string> = new Set(["INVITE", "SUBSCRIBE", "NOTIFY", "REFER"]);

/** @returns whole lines with their CRLF; "" for a request that begins no dialog */
export function recordRoutes(core: Core, context: ResponseContext, request: SipMessage, hop: Hop): string {
  if (!BEGINS_DIALOG.has(request.method) || request.toTag !== "") return "";
  const { ingress } = context;
  const egress = hop.flow;
  const dialog = { callId: context.callId, callerTag: context.scope.fromTag };
  const token = core.tokens.make(ingress, egress, dialog);
  const near = recordRoute(core, token, egress);
  return egress.listener === ingress.listener ? near : near + recordRoute(core, token, ingress);
}

function recordRoute(core: Core, token: string, { listener, transport }: Endpoint): string {
  const parameter = transport === "udp" ? "" : `;transport=${transport}`;
  return `Record-Route: <sip:${token}@${core.identity.sentBy(listener)}${parameter};lr>\r\n`;
}
