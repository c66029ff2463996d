/** Carries a query by TCP (RFC 7766): one connection for it, two bytes of length before each message. */
import { connect } from "node:net";
import type { Carrier } from "./server-exchange.ts";

const LENGTH_PREFIX = 2;

export const tcpCarrier: Carrier = {
  send(server, query, on) {
    const socket = connect({ host: server.address, port: server.port });
    let open = true;
    let received = Buffer.alloc(0);
    const close = (): void => {
      open = false;
      socket.destroy();
    };
    const failed = (reason: string): void => {
      if (!open) return;
      close();
      on.failed(reason);
    };
    const length = Buffer.alloc(LENGTH_PREFIX);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query])); // no half-close: servers take it for a client that has gone
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      while (open && received.length >= LENGTH_PREFIX) {
        const end = LENGTH_PREFIX + received.readUInt16BE(0);
        if (received.length < end) return;
        const message = received.subarray(LENGTH_PREFIX, end);
        received = received.subarray(end);
        on.message(message);
      }
    });
    socket.on("error", (error) => failed(error.message));
    socket.on("close", () => failed("the TCP connection ended without an answer"));
    return close;
  },
};
