// OPTIONS to targets, and what the proxy tells of them: probes (RFC 3261 §11), and the outcome of calls.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Probe, ProbeResult } from "../../../src/proxy/probing.ts";
import { answer, only, outline, ProxyWorld, pbx, WORLD_CONFIG } from "../../support/proxy-world.ts";

const PROBE: Probe = {
  transport: "udp",
  address: "10.1.0.11",
  port: 5060,
  host: "10.1.0.11",
  timeoutMs: 1_000,
  nonce: "n1",
};

function probed(changes: Partial<Probe> = {}): { world: ProxyWorld; results: ProbeResult[] } {
  const world = new ProxyWorld();
  const results: ProbeResult[] = [];
  world.proxy.probe({ ...PROBE, ...changes }, (result) => results.push(result));
  return { world, results };
}

describe("a probe", () => {
  test("is an OPTIONS to the target itself, with all that §8.1.1 asks for", () => {
    const { world } = probed();
    const { to, message } = only(world.sent, "OPTIONS");
    assert.equal(to, "udp:10.1.0.11:5060");
    assert.equal(message.uri, "sip:10.1.0.11:5060");
    assert.equal(message.maxForwards, 70);
    assert.equal(message.cseqMethod, "OPTIONS");
    assert.ok(message.fromTag !== "" && message.toTag === "" && message.callId !== "");
    assert.equal(message.topVia.host, "198.51.100.10");
  });

  test("of a name carries the name, of TCP the transport, of IPv6 brackets", () => {
    const uri = (changes: Partial<Probe>): string => only(probed(changes).world.sent, "OPTIONS").message.uri;
    assert.equal(uri({ host: "pbx.example", port: 5070 }), "sip:pbx.example");
    assert.equal(uri({ transport: "tcp" }), "sip:10.1.0.11:5060;transport=tcp");
    const v6 = { address: "2001:db8::11", host: "[2001:db8::11]", port: 5080 };
    assert.equal(uri(v6), "sip:[2001:db8::11]:5080");
  });

  test("is repeated by Timer E inside its time-out, then silence (§17.1.2.2)", () => {
    const { world, results } = probed();
    assert.deepEqual(outline(world.pass(999)), ["OPTIONS pbx1"]);
    assert.deepEqual(results, []);
    world.pass(1);
    assert.deepEqual(results, [{ kind: "silent" }]);
    assert.deepEqual(world.pass(5_000), []);
    assert.deepEqual(results, [{ kind: "silent" }]);
    assert.ok(world.idle, "nothing of it is left");
  });

  test("answered: status, Retry-After, Allow and Server are told once", () => {
    const { world, results } = probed();
    const headers = "Retry-After: 17 (busy)\r\nAllow: INVITE, ACK\r\nServer: Box/1.0\r\n";
    const text = answer(only(world.sent, "OPTIONS").message, 503, { headers });
    world.receive(answer(only(world.sent, "OPTIONS").message, 100), pbx(1));
    for (let times = 0; times < 2; times++) world.receive(text, pbx(1));
    const server = "Box/1.0";
    assert.deepEqual(results, [
      { kind: "answered", status: 503, retryAfterS: 17, allow: "INVITE, ACK", server },
    ]);
    world.pass(6_000);
    assert.ok(world.idle);
  });

  for (const { name, afterMs, told } of [
    { name: "up to 5 s after its time-out is told once, as a second result", afterMs: 4_999, told: 2 },
    { name: "later than that is dropped", afterMs: 5_000, told: 1 },
  ]) {
    test(`an answer ${name}`, () => {
      const { world, results } = probed();
      const { message } = only(world.sent, "OPTIONS");
      world.pass(1_000 + afterMs);
      for (const status of [100, 200, 200])
        assert.deepEqual(world.receive(answer(message, status), pbx(1)), []);
      assert.deepEqual(
        results.map(({ kind }) => kind),
        ["silent", "answered"].slice(0, told),
      );
      assert.ok(world.idle, "nothing of it is left");
    });
  }

  test("refused by the network: told at once, and sent no more", () => {
    const { world, results } = probed();
    world.fail(pbx(1));
    assert.deepEqual(results, [{ kind: "failed", failure: "refused" }]);
    assert.deepEqual(world.pass(2_000), []);
    assert.ok(world.idle);
  });

  for (const failure of ["too-large", "overflow"] as const) {
    test(`${failure}, of whatever was sent to it over UDP: ours, and the probe goes on`, () => {
      const { world, results } = probed();
      world.fail(pbx(1), failure);
      assert.deepEqual(results, []);
      assert.deepEqual(outline(world.pass(999)), ["OPTIONS pbx1"]);
    });
  }

  test("without a listener for it: told so", () => {
    const { results } = probed({ transport: "tcp", address: "2001:db8::11" });
    assert.deepEqual(results, [{ kind: "failed", failure: "no-listener" }]);
  });
});

describe("what calls say of targets", () => {
  const first = "udp:10.1.0.11:5060";

  test("a 100 says nothing, each provisional above it and each final does", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    for (const status of [100, 180, 200]) world.receive(answer(message, status), pbx(1));
    assert.deepEqual(world.watched, [`${first} 180`, `${first} 200`]);
  });

  test("a 503 with its Retry-After", () => {
    const world = new ProxyWorld();
    world.receive(answer(world.invite().message, 503, { headers: "Retry-After: 30\r\n" }), pbx(1));
    assert.deepEqual(world.watched, [`${first} 503 30`]);
  });

  test("no provisional within noAnswerAfter is silence; Timer B of the last target, too", () => {
    const world = new ProxyWorld();
    world.invite();
    world.pass(2_000);
    assert.deepEqual(world.watched, [`${first} silent`]);
    world.pass(38_000);
    assert.equal(world.watched.filter((line) => line === "udp:10.1.0.13:5060 silent").length, 1);
  });

  test("a refusal of the network", () => {
    const world = new ProxyWorld();
    world.invite();
    world.fail(pbx(1));
    assert.deepEqual(world.watched, [`${first} refused`]);
  });

  test("no room in our own kernel for a datagram: the next target is tried, and nothing told", () => {
    const world = new ProxyWorld();
    assert.deepEqual(outline(world.fail(world.invite().flow, "overflow")), ["INVITE pbx2"]);
    assert.deepEqual(world.watched, []);
  });

  test("a connection that takes no more is the target's", () => {
    const world = new ProxyWorld(WORLD_CONFIG.replaceAll("transport=udp", "transport=tcp"));
    world.fail(world.invite().flow, "overflow");
    assert.deepEqual(world.watched, ["tcp:10.1.0.11:5060 overflow"]);
  });

  test("only a 100 and then nothing is no silence of the target", () => {
    const world = new ProxyWorld();
    world.receive(answer(world.invite().message, 100), pbx(1));
    world.pass(25_000);
    assert.ok(!world.watched.includes(`${first} silent`));
  });

  test("requests inside a dialog say nothing: they go where the dialog is", () => {
    const world = new ProxyWorld();
    const invite = world.invite();
    world.receive(answer(invite.message, 200), pbx(1));
    const before = world.watched.length;
    const bye = only(world.inDialog("BYE", invite), "BYE");
    world.receive(answer(bye.message, 200), pbx(1));
    assert.equal(world.watched.length, before);
  });
});

describe("in-dialog requests to a name (RFC 3263 §4)", () => {
  const place = (last: number) => ({ transport: "udp" as const, address: `10.1.0.1${last}`, port: 5060 });
  /** A BYE whose remote target is a name. */
  function bye(places: readonly number[] | null): { world: ProxyWorld; sent: string[] } {
    const world = new ProxyWorld(WORLD_CONFIG);
    const invite = world.invite();
    world.receive(answer(invite.message, 200, { contact: "<sip:bob@farm.example>" }), pbx(1));
    if (places !== null) world.places.set("farm.example", places.map(place));
    return { world, sent: outline(world.inDialog("BYE", invite, { uri: "sip:bob@farm.example" })) };
  }

  test("the server that the dialog was begun with comes first", () => {
    assert.deepEqual(bye([3, 2, 1]).sent, ["BYE pbx1"]);
  });

  test("where it is no longer behind the name, the first one", () => {
    assert.deepEqual(bye([3, 2]).sent, ["BYE pbx3"]);
  });

  test("a name that nothing is known of: where the dialog was begun", () => {
    assert.deepEqual(bye(null).sent, ["BYE pbx1"]);
  });

  test("one that refuses is left for the next (RFC 3263 §4.3), which health has no say in", () => {
    const { world } = bye([1, 3]);
    assert.deepEqual(outline(world.fail(pbx(1))), ["BYE pbx3"]);
  });
});
