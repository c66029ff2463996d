// A TCP relay to a server that can be cut in the middle of what passes.
import { connect, createServer, type Server, type Socket } from "node:net";

export class CutRelay {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  /** Bytes towards the server that still pass; then both ends are reset. */
  private left = Number.POSITIVE_INFINITY;
  private holdsAnswer = false;
  port = 0;
  cuts = 0;

  private constructor(target: number) {
    this.server = createServer((near) => {
      const far = connect(target, "127.0.0.1");
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on("error", () => socket.destroy());
        socket.on("close", () => {
          this.sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      far.on("data", (bytes) => {
        if (this.holdsAnswer) {
          this.holdsAnswer = false;
          this.cuts++;
          near.destroy();
        } else near.write(bytes);
      });
      near.on("data", (bytes) => {
        far.write(bytes.subarray(0, Math.min(bytes.length, this.left)));
        this.left -= bytes.length;
        if (this.left > 0) return;
        this.left = Number.POSITIVE_INFINITY;
        this.cuts++;
        far.end();
        near.destroy();
      });
    });
  }

  static async to(target: number): Promise<CutRelay> {
    const relay = new CutRelay(target);
    await new Promise<void>((resolve) => relay.server.listen(0, "127.0.0.1", resolve));
    const address = relay.server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    relay.port = address.port;
    return relay;
  }

  cutAfter(bytes: number): void {
    this.left = bytes;
  }

  /** Everything passes; instead of the next answer both ends are reset. */
  cutAnswer(): void {
    this.holdsAnswer = true;
  }

  [Symbol.dispose](): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
