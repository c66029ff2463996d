/** A node that died with a call in some state, and what its successor does with it (docs/replication.md). */
import {
  answer,
  dialogOf,
  only,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  type StoredRecords,
  WORLD_CONFIG,
} from "./proxy-world.ts";

/** A first node with one INVITE under way, and what comes to it. */
export function first(...comes: readonly ((world: ProxyWorld, invite: Sent) => void)[]): {
  world: ProxyWorld;
  invite: Sent;
} {
  const world = new ProxyWorld();
  const invite = world.invite();
  for (const each of comes) each(world, invite);
  return { world, invite };
}

/** Goes on where the first one stopped. */
export function second({ now }: ProxyWorld, stored: StoredRecords, config = WORLD_CONFIG): ProxyWorld {
  const world = new ProxyWorld(config, undefined, now);
  world.inherit(stored);
  return world;
}

export const comes =
  (status: number, target = 1, tag = "b1") =>
  (world: ProxyWorld): void => {
    const sent = world.sent.findLast(
      ({ message, flow }) => message.method === "INVITE" && flow.address === pbx(target).address,
    );
    if (sent !== undefined) world.receive(answer(sent.message, status, { tag }), sent.flow);
  };
export const ringing = comes(180);
export const time =
  (ms: number) =>
  (world: ProxyWorld): void => {
    world.pass(ms);
  };
/** A request of one side inside the dialog of {@link first}'s call goes through a node. @returns what goes on to the other side */
export function sentInside(by: "caller" | "callee", method: string, world: ProxyWorld, invite: Sent): Sent {
  if (by === "caller") return only(world.inDialog(method, invite), method);
  const ends = { uri: "sip:alice@192.0.2.1:5060", fromTag: "b1", toTag: "a1" };
  const via = "SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKpbx";
  return only(world.receive(request(method, { ...dialogOf(invite, method), ...ends, via }), pbx(1)), method);
}

/** How the calls of which a node has written the account ended. */
export const endings = ({ cdrs }: ProxyWorld): unknown[] =>
  cdrs.map(({ endedBy, status }) => [endedBy, status]);

const cancel = (world: ProxyWorld): void => {
  world.receive(request("CANCEL"));
};

export interface SwitchRow {
  readonly name: string;
  readonly before: readonly ((world: ProxyWorld) => void)[];
  /** What comes to the successor. */
  readonly after: (world: ProxyWorld, invite: Sent) => readonly Sent[];
  readonly sends: readonly string[];
}

export const respond =
  (status: number, tag = "b1") =>
  (world: ProxyWorld, invite: Sent): readonly Sent[] =>
    world.receive(answer(invite.message, status, { tag }), invite.flow);

export const SWITCH_ROWS: readonly SwitchRow[] = [
  { name: "a 180 reaches the caller", before: [], after: respond(180), sends: ["180 caller"] },
  {
    name: "the 200 of a call that rings reaches the caller",
    before: [ringing],
    after: respond(200),
    sends: ["200 caller"],
  },
  {
    name: "a refusal is ACKed, and goes up (§16.7, §17.1.1.3)",
    before: [ringing],
    after: respond(486),
    sends: ["ACK pbx1", "486 caller"],
  },
  {
    name: "the caller's retransmitted INVITE is absorbed: the last provisional once more (§17.2.1)",
    before: [ringing],
    after: (world) => world.receive(request("INVITE")),
    sends: ["180 caller"],
  },
  {
    name: "a CANCEL reaches the target that rings (§16.10)",
    before: [ringing],
    after: (world) => world.receive(request("CANCEL")),
    sends: ["200 caller", "CANCEL pbx1"],
  },
  {
    name: "a CANCEL waits for the first provisional here, too (§9.1)",
    before: [cancel],
    after: respond(180),
    sends: ["CANCEL pbx1"],
  },
  {
    name: "the CANCEL that was sent is sent again until it is answered (§9.1)",
    before: [ringing, cancel],
    after: (world) => world.pass(500),
    sends: ["CANCEL pbx1"],
  },
  {
    name: "failover goes on at its time",
    before: [time(1_500)],
    after: (world) => world.pass(500),
    sends: ["INVITE pbx2"],
  },
  {
    name: "the losing late 200 of a target that was left is ended (§13.2.2.4)",
    before: [time(2_000), comes(200, 2)],
    after: respond(200, "late"),
    sends: ["ACK pbx1", "BYE pbx1"],
  },
  {
    name: "a refusal that nobody has ACKed is repeated by Timer G (§17.2.1)",
    before: [comes(486)],
    after: (world) => world.pass(500),
    sends: ["486 caller"],
  },
  {
    name: "its ACK stops that",
    before: [comes(486)],
    after: (world) => [...world.receive(request("ACK")), ...world.pass(4_000)],
    sends: [],
  },
  {
    name: "a refusal that comes again is ACKed again (§17.1.1.2)",
    before: [comes(486)],
    after: respond(486),
    sends: ["ACK pbx1"],
  },
  {
    name: "the 200 that comes again goes up again (RFC 6026 §7.2)",
    before: [comes(200)],
    after: respond(200),
    sends: ["200 caller"],
  },
  ...["ACK", "INVITE", "UPDATE", "PRACK", "REFER", "NOTIFY", "INFO", "BYE"].map(
    (method): SwitchRow => ({
      name: `${method} inside the dialog follows it`,
      before: [ringing, comes(200)],
      after: (world, invite) =>
        world
          .inDialog(method, invite, { via: `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKin${method}` })
          .filter(({ message }) => message.isRequest),
      sends: [`${method} pbx1`],
    }),
  ),
  {
    name: "without a provisional the INVITE is sent again by Timer A, with the same branch (§17.1.1.2)",
    before: [],
    after: (world, invite) =>
      world.pass(500).filter(({ message }) => message.topVia.branch === invite.message.topVia.branch),
    sends: ["INVITE pbx1"],
  },
  {
    name: "a BYE of the proxy's own goes on until it is answered (§17.1.2.2)",
    before: [time(2_000), comes(200, 2), comes(200, 1, "late")],
    after: (world) => world.pass(500),
    sends: ["BYE pbx1"],
  },
];
