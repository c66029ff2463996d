/** Carries a query by UDP: a socket of its own for each, so that each has a random port of its own (RFC 5452 §9.2). */
import { createSocket, type SocketOptions } from "node:dgram";
import type { Carrier } from "./server-exchange.ts";

type Lookup = NonNullable<SocketOptions["lookup"]>;

/** Addresses are numeric here: nothing is looked up in order to look something up. */
const lookup4: Lookup = (host, _options, done) => done(null, host, 4);
const lookup6: Lookup = (host, _options, done) => done(null, host, 6);

/** The socket is connected: the kernel drops datagrams of others, and tells of a port where nobody listens. */
export const udpCarrier: Carrier = {
  send(server, query, on) {
    const socket = server.address.includes(":")
      ? createSocket({ type: "udp6", lookup: lookup6 })
      : createSocket({ type: "udp4", lookup: lookup4 });
    let open = true;
    const close = (): void => {
      if (!open) return;
      open = false;
      socket.close();
    };
    const failed = (error?: Error | null): void => {
      if (!open || error == null) return;
      close();
      on.failed(error.message);
    };
    socket.on("error", failed);
    socket.on("message", (bytes) => on.message(bytes));
    // With a callback a refusal (no route) comes by it, and not as an event.
    const connected = (error?: Error): void => {
      if (error !== undefined) failed(error);
      else if (open) socket.send(query, failed);
    };
    socket.connect(server.port, server.address, connected);
    return close;
  },
};
