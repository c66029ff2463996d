/**
 * The user part of our Record-Route: both ends of the call as this node saw them, signed together with the dialog, so that
 * in-dialog requests find their way with no state at all (after the flow tokens of RFC 5626 §5.2).
 *
 *   t1  . ingress . egress . signature over both, Call-ID and the caller's tag
 */

import { flat } from "../sip/flat.ts";
import { Signer } from "../sip/signing/signer.ts";
import type { Flow, TransportName } from "../transport/flow.ts";

/** Where one side of a call was: local transport and listener, remote address and port. */
export type Endpoint = Pick<Flow, "transport" | "listener" | "address" | "port">;

export interface FlowToken {
  /** The caller's side. */
  readonly ingress: Endpoint;
  /** The callee's side. */
  readonly egress: Endpoint;
  /** Which way a request goes that carries it. */
  readonly direction: "to-callee" | "to-caller";
}

const VERSION = "t1";
const SIGNATURE_LENGTH = 14; // 84 bits
/** Endpoint texts kept: trunks and PBXs, and the phones lately heard. */
const ENDPOINTS_MAX = 20_000;
/** Tokens kept with their dialog; beyond it all are forgotten, and the next of each is verified by its signature. */
const RECENT_TOKENS_MAX = 10_000;
const TRANSPORT_LETTERS: readonly (readonly [TransportName, string])[] = [
  ["udp", "u"],
  ["tcp", "t"],
];

export class FlowTokens {
  private readonly signer: Signer;
  private readonly texts = new Map<string, string>();
  private readonly endpoints = new Map<string, Endpoint>();
  /** Tokens lately made or verified: most requests in a dialog follow soon. */
  private readonly recent = new Map<string, Remembered>();

  constructor(secrets: readonly string[]) {
    this.signer = new Signer(secrets, "flow-token");
  }

  /** The token that goes into the Record-Route of a request that may begin a dialog. */
  make(ingress: Endpoint, egress: Endpoint, dialog: { callId: string; callerTag: string }): string {
    const head = `${VERSION}.${this.endpointText(ingress)}.${this.endpointText(egress)}`;
    const token = `${head}.${this.signer.sign(signed(head, dialog.callId, dialog.callerTag), SIGNATURE_LENGTH)}`;
    this.remember(token, { dialog: `${dialog.callId}\n${dialog.callerTag}`, ingress, egress });
    return token;
  }

  /**
   * Reads the token of a Route that names us.
   * @returns null where it is none, was not signed by this cluster, or belongs to another dialog
   */
  read(token: string, request: { callId: string; fromTag: string; toTag: string }): FlowToken | null {
    const recent = this.recent.get(token);
    if (recent !== undefined) {
      const { dialog, ingress, egress } = recent;
      const { callId, fromTag, toTag } = request;
      if (isDialog(dialog, callId, fromTag)) return { ingress, egress, direction: "to-callee" };
      if (toTag !== "" && isDialog(dialog, callId, toTag)) return { ingress, egress, direction: "to-caller" };
    }
    return this.readAnew(token, request);
  }

  private readAnew(
    token: string,
    request: { callId: string; fromTag: string; toTag: string },
  ): FlowToken | null {
    const parts = token.split(".");
    const [version, ingressText, egressText, signature] = parts;
    if (parts.length !== 4 || version !== VERSION) return null;
    if (ingressText === undefined || egressText === undefined || signature?.length !== SIGNATURE_LENGTH)
      return null;
    const direction = this.directionOf(token, request);
    if (direction === null) return null;
    const ingress = this.endpoint(ingressText);
    const egress = this.endpoint(egressText);
    if (ingress === null || egress === null) return null;
    const callerTag = direction === "to-callee" ? request.fromTag : request.toTag;
    this.remember(token, { dialog: `${request.callId}\n${callerTag}`, ingress, egress });
    return { ingress, egress, direction };
  }

  /** Whose tag is the caller's? null where the signature is not over this dialog. */
  private directionOf(
    token: string,
    request: { callId: string; fromTag: string; toTag: string },
  ): FlowToken["direction"] | null {
    const { callId, fromTag, toTag } = request;
    const signatureAt = token.length - SIGNATURE_LENGTH;
    const [head, signature] = [token.slice(0, signatureAt - 1), token.slice(signatureAt)];
    if (this.signer.verify(signed(head, callId, fromTag), signature)) return "to-callee";
    const isBack = toTag !== "" && this.signer.verify(signed(head, callId, toTag), signature);
    return isBack ? "to-caller" : null;
  }

  private remember(token: string, { dialog, ingress, egress }: Remembered): void {
    if (this.recent.size >= RECENT_TOKENS_MAX) this.recent.clear();
    this.recent.set(flat(token), { dialog: flat(dialog), ingress, egress });
  }

  private endpoint(text: string): Endpoint | null {
    const known = this.endpoints.get(text);
    if (known !== undefined) return known;
    const endpoint = parseEndpoint(text);
    if (endpoint === null) return null;
    if (this.endpoints.size >= ENDPOINTS_MAX) this.endpoints.clear();
    this.endpoints.set(text, endpoint);
    return endpoint;
  }

  private endpointText(endpoint: Endpoint): string {
    const key = `${endpoint.transport}${endpoint.listener} ${endpoint.port} ${endpoint.address}`;
    const known = this.texts.get(key);
    if (known !== undefined) return known;
    if (this.texts.size >= ENDPOINTS_MAX) this.texts.clear();
    const text = formatEndpoint(endpoint);
    this.texts.set(key, text);
    return text;
  }
}

/** A token whose signature needs no second look: the dialog that it is for, and what it says. */
interface Remembered {
  /** Call-ID, line feed, the caller's tag. */
  readonly dialog: string;
  readonly ingress: Endpoint;
  readonly egress: Endpoint;
}

/** Compared without making a string. */
function isDialog(dialog: string, callId: string, callerTag: string): boolean {
  return (
    dialog.length === callId.length + 1 + callerTag.length &&
    dialog.charCodeAt(callId.length) === 10 &&
    dialog.startsWith(callId) &&
    dialog.endsWith(callerTag)
  );
}

function signed(head: string, callId: string, callerTag: string): string {
  return `${head}\n${callId}\n${callerTag}`;
}

/** Letter of the transport, listener and port in base 36, address: only characters that a user part may have. */
function formatEndpoint({ transport, listener, address, port }: Endpoint): string {
  const letter = TRANSPORT_LETTERS.find(([name]) => name === transport)?.[1] ?? "";
  return `${letter}${listener.toString(36)}-${port.toString(36)}-${address.replaceAll(".", "_").replaceAll(":", "*")}`;
}

function parseEndpoint(text: string): Endpoint | null {
  const [head, portText, addressText] = text.split("-");
  if (head === undefined || portText === undefined || addressText === undefined) return null;
  const transport = TRANSPORT_LETTERS.find(([, letter]) => letter === head.charAt(0))?.[0];
  const listener = Number.parseInt(head.slice(1), 36);
  const port = Number.parseInt(portText, 36);
  const address = addressText.replaceAll("_", ".").replaceAll("*", ":");
  if (transport === undefined || !(listener >= 0) || !(port > 0 && port < 65_536)) return null;
  return { transport, listener, address, port };
}
