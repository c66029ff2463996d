/**
 * The probe of the floating IP: an OPTIONS that carries a question in a header of its own, and its answer's header. Signed
 * with the cluster's secret, so that only a node of the cluster can claim to own the address.
 */
import type { Role } from "./message.ts";
import { ClusterSigner } from "./signature.ts";

/** The header of question and answer. */
export const PROBE_HEADER = "X-Tandem-Probe";

export interface ProbeAnswer {
  readonly node: string;
  readonly boot: string;
  readonly epoch: number;
  readonly role: Role;
}

const NONCE = /^[A-Za-z0-9_-]{16,64}$/;
const ROLE = /^(standby|taking-over|active|stepping-down|maintenance|fenced)$/;

export class ProbeSigner {
  private readonly cluster: string;
  private readonly questions: ClusterSigner;
  private readonly answers: ClusterSigner;

  constructor(cluster: string, secrets: readonly string[]) {
    this.cluster = cluster;
    this.questions = new ClusterSigner(secrets, "probe-question");
    this.answers = new ClusterSigner(secrets, "probe-answer");
  }

  /** @param nonce 16 to 64 characters of base64url, random, used once */
  question(nonce: string): string {
    return `${nonce} ${this.questions.sign(`${this.cluster} ${nonce}`)}`;
  }

  /** @returns the value of the answer's header; null: the question is none of this cluster's, answer as to anybody */
  answer(question: string, own: ProbeAnswer): string | null {
    const [nonce = "", signature = ""] = question.split(" ");
    if (!NONCE.test(nonce) || !this.questions.verify(`${this.cluster} ${nonce}`, signature)) return null;
    const claim = `${own.node} ${own.boot} ${own.epoch} ${own.role}`;
    return `${claim} ${this.answers.sign(`${this.cluster} ${nonce} ${claim}`)}`;
  }

  /** @returns who answered; null: not signed over this nonce, a foreign owner of the address */
  read(answer: string, nonce: string): ProbeAnswer | null {
    const [node = "", boot = "", epoch = "", role = "", signature = ""] = answer.split(" ");
    if (!this.answers.verify(`${this.cluster} ${nonce} ${node} ${boot} ${epoch} ${role}`, signature))
      return null;
    return ROLE.test(role) ? { node, boot, epoch: Number(epoch), role: role as Role } : null;
  }
}
