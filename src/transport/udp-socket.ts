// One dgram socket: how it is bound, and how its answers are told apart.
import { createSocket, type Socket, type SocketOptions } from "node:dgram";
import { isIPv6 } from "node:net";
import { DgramAsPromised } from "dgram-as-promised";
import { RECEIVE_BUFFER_BYTES } from "./limits.ts";

type Lookup = NonNullable<SocketOptions["lookup"]>;

/**
 * Addresses here are numeric always. Node's own look-up would take each through a tick of its own; with this one
 * bind, connect and send reach the kernel before they return. The family argument is unused by dgram.
 */
const lookup4: Lookup = (host, _options, done) => done(null, host, 4);
const lookup6: Lookup = (host, _options, done) => done(null, host, 6);

/** `reuseAddr` lets the connected sockets of targets share the listener's port. */
function socketOptions(address: string, reuseAddr: boolean): SocketOptions {
  return isIPv6(address)
    ? { type: "udp6", ipv6Only: true, reuseAddr, lookup: lookup6 }
    : { type: "udp4", reuseAddr, lookup: lookup4 };
}

/**
 * Binds a listener's socket. With reuseAddr two processes could share a port without noticing, so that a plain
 * socket has to get the port first; it also finds one where `port` is 0.
 * @throws the system's error
 */
export async function bindListener(address: string, port: number): Promise<Socket> {
  const trial = DgramAsPromised.createSocket(socketOptions(address, false));
  try {
    port = (await trial.bind({ port, address, exclusive: true })).port;
  } finally {
    await trial.close();
  }
  const bound = DgramAsPromised.createSocket(socketOptions(address, true));
  try {
    await bound.bind({ port, address, exclusive: true });
  } catch (error) {
    await bound.close();
    throw error;
  }
  return bound.socket;
}

/**
 * A socket on the same local address that is connected to one remote, all before it returns: between bind and
 * connect the kernel may give it datagrams of other remotes, which is why it shares the listener's handler.
 * @returns null where the system refuses (no route, no file descriptor, the address gone)
 */
export function connectBeside(
  local: { address: string; port: number },
  remote: { address: string; port: number },
): Socket | null {
  const socket = createSocket(socketOptions(local.address, true));
  let failed = false;
  const onError = () => {
    failed = true;
  };
  socket.on("error", onError);
  try {
    socket.bind({ port: local.port, address: local.address, exclusive: true });
    if (!failed) socket.connect(remote.port, remote.address);
    socket.remoteAddress(); // throws unless connected
  } catch {
    socket.close();
    return null;
  }
  socket.removeListener("error", onError);
  return socket;
}

/** @returns bytes that the kernel gives at most; it counts its own bookkeeping in, hence the half */
export function growReceiveBuffer(socket: Socket): number {
  socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  return socket.getRecvBufferSize() / 2;
}
