/** The sockets of the heartbeats: one a path, bound to this node's address on it. */
import type { Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { DgramAsPromised } from "dgram-as-promised";
import type { EndpointConfig } from "../../config/config.ts";
import { bracketed } from "../../config/ip-address.ts";
import { growReceiveBuffer } from "../../transport/udp-socket.ts";
import { ClusterError } from "./cluster-error.ts";

/** Every node's place on one network. */
export type PathConfig = Readonly<Record<string, EndpointConfig>>;

interface OpenPath {
  readonly socket: Socket;
  readonly places: PathConfig;
}

export class HeartbeatPaths {
  readonly #paths: OpenPath[] = [];
  #isClosed = false;
  /** Datagrams that the system did not take, since the start. */
  sendErrors = 0;

  /**
   * @param heard a datagram that came by the path of this index
   * @throws ClusterError where an address can't be bound; nothing stays open then
   */
  static async open(
    paths: readonly PathConfig[],
    node: string,
    heard: (datagram: Buffer, path: number) => void,
  ): Promise<HeartbeatPaths> {
    const open = new HeartbeatPaths();
    for (const [index, places] of paths.entries()) {
      const own = places[node];
      if (own === undefined) continue; // the configuration's check has refused that
      const socket = DgramAsPromised.createSocket(isIPv6(own.address) ? "udp6" : "udp4");
      try {
        await socket.bind({ address: own.address, port: own.port, exclusive: true });
      } catch (error) {
        open.close();
        const why = error instanceof Error ? error.message : String(error);
        const place = `${bracketed(own.address)}:${own.port}`;
        throw new ClusterError("CLUSTER_PATH", `cannot listen for heartbeats on ${place}: ${why}`, error);
      }
      growReceiveBuffer(socket.socket); // what is relayed comes all at once
      // ICMP errors of a peer that is down: its silence says it already.
      socket.socket.on("error", () => {
        open.sendErrors++;
      });
      socket.socket.on("message", (datagram) => {
        if (!open.#isClosed) heard(datagram, index);
      });
      open.#paths.push({ socket: socket.socket, places });
    }
    return open;
  }

  /** Over every path, each copy. Never throws, never waits. */
  send(to: string, datagram: Buffer, copies: number): void {
    if (this.#isClosed) return;
    for (const { socket, places } of this.#paths) {
      const place = places[to];
      if (place === undefined) continue;
      for (let copy = 0; copy < copies; copy++) {
        socket.send(datagram, place.port, place.address, (error) => {
          if (error) this.sendErrors++;
        });
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { socket } of this.#paths) socket.close();
    this.#paths.length = 0;
  }
}
