// A DNS server of a test's own, by UDP on 127.0.0.1: it answers what the test says, right or wrong.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { type Answer, decode, encode, type Question } from "dns-packet";

export class DnsResponder {
  readonly port: number;
  /** Questions received so far, "A pbx.example", with the port that they came from. */
  readonly asked: { key: string; from: number; id: number }[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
  }

  /** @param reply the datagrams that answer a query, by its question and its bytes */
  static async start(reply: (question: Question, query: Buffer) => Buffer[]): Promise<DnsResponder> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const responder = new DnsResponder(socket);
    socket.on("message", (query, { port, address }) => {
      const { id = -1, questions } = decode(query);
      const [question] = questions ?? [];
      if (question === undefined) return;
      responder.asked.push({ key: `${question.type} ${question.name}`, from: port, id });
      for (const bytes of reply(question, query)) socket.send(bytes, port, address);
    });
    return responder;
  }

  close(): void {
    this.#socket.close();
  }
}

/** A good answer to the query; without records a negative one. @param change what is wrong with it */
export function answerTo(
  query: Buffer,
  answers: Answer[],
  change: { id?: number; name?: string; flags?: number } = {},
): Buffer {
  const { id = 0, questions = [] } = decode(query);
  const soa = { mname: "ns", rname: "h", serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 3 };
  return encode({
    type: "response",
    id: change.id ?? id,
    flags: change.flags ?? 0,
    questions: questions.map((question) => ({ ...question, name: change.name ?? question.name })),
    answers,
    authorities: answers.length > 0 ? [] : [{ type: "SOA", name: "example", ttl: 3, data: soa }],
  });
}
