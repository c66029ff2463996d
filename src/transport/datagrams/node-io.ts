// Datagrams one by one, as node:dgram reads and sends them: on any system.
import type { RemoteInfo, Socket } from "node:dgram";
import type { Flow } from "../flow.ts";
import type { DatagramHandlers, DatagramIo, DatagramSocket } from "./datagram-io.ts";

interface Posted {
  readonly socket: NodeSocket;
  readonly flow: Flow;
  readonly message: string;
}

export class NodeIo implements DatagramIo {
  private posted: Posted[] = [];

  open(socket: Socket, handlers: DatagramHandlers): DatagramSocket {
    return new NodeSocket(socket, handlers, (posted) => this.posted.push(posted));
  }

  flush(): void {
    const { posted } = this;
    if (posted.length === 0) return;
    this.posted = [];
    for (const { socket, flow, message } of posted) socket.send(flow, message, false);
  }
}

class NodeSocket implements DatagramSocket {
  private readonly socket: Socket;
  private readonly handlers: DatagramHandlers;
  private readonly queue: (posted: Posted) => void;
  private readonly isConnected: boolean;
  private closed = false;

  constructor(socket: Socket, handlers: DatagramHandlers, queue: (posted: Posted) => void) {
    this.socket = socket;
    this.handlers = handlers;
    this.queue = queue;
    this.isConnected = isConnected(socket);
    socket.on("message", (bytes: Buffer, { address, port }: RemoteInfo) => {
      if (!this.closed) handlers.received(bytes, 0, bytes.length, address, port);
    });
    socket.on("error", (error) => {
      if (!this.closed) handlers.failed(error);
    });
  }

  post(flow: Flow, message: string): void {
    this.queue({ socket: this, flow, message });
  }

  send(flow: Flow, message: string, again: boolean): void {
    if (this.closed) return;
    // Without a callback Node would lose the error.
    const sent = (error: Error | null) => {
      if (error !== null && this.handlers.unsent(flow, message, error, again)) this.send(flow, message, true);
    };
    const bytes = Buffer.from(message, "latin1");
    if (this.isConnected) this.socket.send(bytes, sent);
    else this.socket.send(bytes, flow.port, flow.address, sent);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.close();
  }
}

/** Is it connected to one remote? Node tells by throwing. */
export function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false;
  }
}
