// A node of a cluster that ends while Redis is away: accounts that nobody else has are written before it goes.
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseOwn } from "../../../src/sip/message/sip-message.ts";
import { answer, request } from "../../support/proxy-world.ts";
import { RedisServer, redisObstacle } from "../replication/redis-server.ts";
import { CALLER, FLOATING_IP, PBX, pairPorts, WholeNode } from "./whole-node.ts";

async function bound(address: string, port: number): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(port, address);
  await once(socket, "listening");
  return socket;
}

/** The next message with this method or status. */
async function next(socket: Socket, kind: string) {
  for (;;) {
    const [datagram] = (await once(socket, "message")) as [Buffer];
    const message = parseOwn(datagram.toString("latin1"));
    if ((message.isRequest ? message.method : String(message.status)) === kind) return message;
  }
}

describe("a node that ends", { skip: redisObstacle }, () => {
  test("a call that ended a moment before, with Redis away, has its account", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tandem-accounts-"));
    const ports = await pairPorts();
    await using redis = await RedisServer.start();
    await using node = new WholeNode("edge-a", {
      folder,
      ports,
      redis: `{ url: "redis://127.0.0.1:${redis.port}" }`,
    });
    await node.until("it to serve", ({ mayServe }) => mayServe);
    const [caller, pbx] = [await bound(CALLER, 0), await bound(PBX, ports.pbx)];
    const tell = (text: string): void => caller.send(text, ports.sip, FLOATING_IP);
    const via = (branch: string): string =>
      `SIP/2.0/UDP ${CALLER}:${caller.address().port};branch=z9hG4bK${branch};rport`;

    tell(request("INVITE", { via: via("invite") }));
    const invite = await next(pbx, "INVITE");
    const contact = `<sip:bob@${PBX}:${ports.pbx}>`;
    pbx.send(answer(invite, 200, { contact }), ports.sip, FLOATING_IP);
    await next(caller, "200");
    const routes = invite.raw.split("\r\n").flatMap((line) => /^Record-Route: (.*)$/.exec(line)?.[1] ?? []);
    const inDialog = {
      uri: `sip:bob@${PBX}:${ports.pbx}`,
      toTag: "b1",
      more: routes.map((route) => `Route: ${route}`),
    };
    tell(request("ACK", { ...inDialog, via: via("ack") }));
    await next(pbx, "ACK");
    await redis.kill();
    tell(request("BYE", { ...inDialog, via: via("bye"), cseq: 2 }));
    const bye = await next(pbx, "BYE");
    pbx.send(answer(bye, 200), ports.sip, FLOATING_IP);
    await next(caller, "200");
    await node.stop();
    caller.close();
    pbx.close();
    const accounts = readFileSync(node.accounts, "utf8")
      .split("\n")
      .filter((line) => line !== "");
    assert.equal(accounts.length, 1, node.log);
    rmSync(folder, { recursive: true, force: true });
  });
});
