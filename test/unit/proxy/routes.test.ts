// RFC 3261 §16.4, §16.5, §16.12: from the Route headers and the Request-URI to the targets.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answer,
  CALLER,
  dialogOf,
  linesOf,
  only,
  outline,
  ProxyWorld,
  pbx,
  type RequestParts,
  request,
  type Sent,
} from "../../support/proxy-world.ts";

/** A world in which a call stands, and the INVITE that began it. */
function established(): { world: ProxyWorld; invite: Sent; route: string } {
  const world = new ProxyWorld();
  const invite = world.invite();
  world.receive(answer(invite.message, 200), pbx(1));
  const route = linesOf(invite.message, "record-route")[0] ?? "";
  return { world, invite, route };
}

describe("16.4 route information preprocessing", () => {
  test("16.4: our own value on top is removed, the Request-URI stays", () => {
    const { world, invite } = established();
    const bye = only(world.inDialog("BYE", invite), "BYE");
    assert.deepEqual([bye.to, bye.message.uri], ["udp:10.1.0.11:5060", "sip:bob@10.1.0.11:5060"]);
    assert.deepEqual(linesOf(bye.message, "route"), []);
  });

  test("16.4: what stands behind our own value stays, in one line or several", () => {
    const { world, invite, route } = established();
    for (const more of [
      [`Route: ${route}, <sip:10.1.0.13:5070;lr>, <sip:far.example;lr>`],
      [`Route: ${route}`, "Route: <sip:10.1.0.13:5070;lr>", "Route: <sip:far.example;lr>"],
    ]) {
      const bye = only(
        world.inDialog("BYE", invite, { more, cseq: more.length + 2, via: viaOf(more.length) }),
        "BYE",
      );
      assert.equal(bye.to, "udp:10.1.0.13:5070");
      assert.deepEqual(linesOf(bye.message, "route"), ["<sip:10.1.0.13:5070;lr>", "<sip:far.example;lr>"]);
    }
  });

  test("16.4: a strict router before us put our value into the Request-URI: the last Route comes back", () => {
    const { world, invite, route } = established();
    const uri = route.slice(1, -1);
    const more = ["Route: <sip:10.1.0.13;lr>, <sip:bob@10.1.0.11:5060>"];
    const bye = only(world.inDialog("BYE", invite, { uri, more }), "BYE");
    assert.equal(bye.message.uri, "sip:bob@10.1.0.11:5060");
    assert.deepEqual(linesOf(bye.message, "route"), ["<sip:10.1.0.13;lr>"]);
    assert.equal(bye.to, "udp:10.1.0.13:5060");
  });

  test("16.4: the same where we recorded ourselves twice", () => {
    const world = new ProxyWorld(TCP_TARGET);
    const invite = world.invite();
    assert.equal(invite.to, "tcp:10.1.0.11:5060");
    world.receive(answer(invite.message, 200), { ...pbx(1), transport: "tcp", listener: 1 });
    const [near = "", far = ""] = linesOf(invite.message, "record-route").reverse();
    const more = [`Route: ${far}, <sip:bob@10.1.0.11:5060;transport=tcp>`];
    const bye = only(world.inDialog("BYE", invite, { uri: near.slice(1, -1), more }), "BYE");
    assert.deepEqual([bye.to, linesOf(bye.message, "route")], ["tcp:10.1.0.11:5060", []]);
  });

  test("16.4: a Request-URI like ours that we did not sign is no value of ours", () => {
    const { world, invite } = established();
    const uri = "sip:t1.u0-3wk-192_0_2_1.u0-3wk-10_1_0_11.AAAAAAAAAAAAAA@198.51.100.10:5060;lr";
    const refused = world.inDialog("BYE", invite, { uri, more: ["Route: <sip:bob@203.0.113.9>"] });
    assert.deepEqual(outline(refused), ["481 caller"]);
  });

  const maddr: readonly { name: string; uri: string; becomes: string }[] = [
    {
      name: "16.4: maddr that names us is stripped with transport and port, the rest stays",
      uri: "sip:bob:secret@far.example:5080;maddr=edge.example;transport=udp;user=phone",
      becomes: "sip:bob@far.example;user=phone",
    },
    {
      name: "16.4: maddr as our address",
      uri: "sip:bob@far.example;maddr=198.51.100.10",
      becomes: "sip:bob@far.example",
    },
    {
      name: "16.4: maddr of somebody else stays",
      uri: "sip:bob@far.example;maddr=203.0.113.7",
      becomes: "sip:bob@far.example;maddr=203.0.113.7",
    },
  ];
  for (const { name, uri, becomes } of maddr) {
    test(name, () => {
      const parts: Partial<RequestParts> = { uri: uri.replace(":5080", "") };
      const invite = new ProxyWorld().invite(parts);
      assert.equal(
        invite.message.uri,
        becomes.replace("bob@", uri.includes(":secret") ? "bob:secret@" : "bob@"),
      );
    });
  }

  test("16.4: a preloaded Route that names us is removed, and the rules decide", () => {
    const invite = new ProxyWorld().invite({ more: ["Route: <sip:edge.example;lr>"] });
    assert.equal(invite.to, "udp:10.1.0.11:5060");
    assert.deepEqual(linesOf(invite.message, "route"), []);
  });
});

describe("16.5 request targets", () => {
  test("16.5: a Request-URI in our name gets the target's, with the number called", () => {
    const invite = new ProxyWorld().invite({ uri: "sip:+15551234567@edge.example;user=phone" });
    assert.equal(invite.message.uri, "sip:+15551234567@10.1.0.11;transport=udp");
  });
  test("16.5: another domain's Request-URI stays as it is, whatever target is the next hop", () => {
    const invite = new ProxyWorld().invite({ uri: "sip:Bob@Far.Example:5070;x=Y" });
    assert.equal(invite.to, "udp:10.1.0.11:5060");
    assert.match(invite.message.uri, /^sip:Bob@far\.example:5070;x=Y$/i);
  });
  test("16.5: tel becomes a SIP URI at the target, its parameters in the user part (§19.1.6); # is escaped", () => {
    const plain = new ProxyWorld().invite({ uri: "tel:+1-555-123" });
    assert.equal(plain.message.uri, "sip:+1-555-123@10.1.0.11;transport=udp;user=phone");
    const hash = new ProxyWorld().invite({ uri: "tel:*21#;phone-context=example.com" });
    assert.equal(hash.message.uri, "sip:*21%23;phone-context=example.com@10.1.0.11;transport=udp;user=phone");
  });
  test("16.5: what a tel parameter may have and a user part may not is escaped (§25.1)", () => {
    const { message } = new ProxyWorld().invite({ uri: "tel:7042;phone-context=example.com;x=[a:b]" });
    const user = "7042;phone-context=example.com;x=%5Ba%3Ab%5D";
    assert.equal(message.uri, `sip:${user}@10.1.0.11;transport=udp;user=phone`);
    assert.equal(message.requestUri.user, user);
  });
  test("16.5: nobody here by that name: 404 where no rule matches", () => {
    const world = new ProxyWorld(
      `${TCP_TARGET.split("routes:")[0]}routes: [{ from: carriers, number: "^911$", to: pbx }]`,
    );
    assert.deepEqual(outline(world.receive(request("INVITE"))), ["404 caller"]);
  });
  test("16.5: a target that none of our listeners can reach is passed over", () => {
    const world = new ProxyWorld(
      TCP_TARGET.replace("tcp://198.51.100.10:5060", "tcp://[2001:db8::10]:5060")
        .replace("10.1.0.11;", "[2001:db8:2::11];")
        .replace("transport=tcp", "transport=tcp"),
    );
    const invite = world.invite();
    assert.equal(invite.to, "tcp:2001:db8:2::11:5060");
  });
  test("16.5: a route set that we did not write is no rule", () => {
    const sent = new ProxyWorld().receive(request("INVITE", { more: ["Route: <sip:203.0.113.9;lr>"] }));
    assert.deepEqual(outline(sent), ["403 caller"]);
  });
  test("16.5: a To tag without our token: there is no dialog of ours", () => {
    const sent = new ProxyWorld().receive(request("BYE", { toTag: "b1" }));
    assert.deepEqual(outline(sent), ["481 caller"]);
  });
});

describe("16.12 summary of proxy route processing", () => {
  test("16.12: the trapezoid: a request in the dialog goes from proxy to proxy, its Request-URI the remote target", () => {
    const { world, invite, route } = established();
    const more = [`Route: ${route}, <sip:10.1.0.12:5060;lr>`];
    const update = only(world.inDialog("UPDATE", invite, { more }), "UPDATE");
    assert.deepEqual([update.to, update.message.uri], ["udp:10.1.0.12:5060", "sip:bob@10.1.0.11:5060"]);
    assert.deepEqual(linesOf(update.message, "route"), ["<sip:10.1.0.12:5060;lr>"]);
  });

  test("16.12: a strict router behind us gets its URI in the Request-URI and the remote target as the last Route", () => {
    const { world, invite, route } = established();
    const more = [`Route: ${route}, <sip:strict@10.1.0.12:5080>, <sip:far.example;lr>`];
    const bye = only(world.inDialog("BYE", invite, { more }), "BYE");
    assert.deepEqual([bye.to, bye.message.uri], ["udp:10.1.0.12:5080", "sip:strict@10.1.0.12:5080"]);
    assert.deepEqual(linesOf(bye.message, "route"), ["<sip:far.example;lr>", "<sip:bob@10.1.0.11:5060>"]);
  });

  test("16.12: a next hop that is a name goes where the dialog's INVITE went, as no resolver is asked", () => {
    const { world, invite } = established();
    assert.equal(
      only(world.inDialog("BYE", invite, { uri: "sip:bob@pbx.example" }), "BYE").to,
      "udp:10.1.0.11:5060",
    );
  });

  test("16.12: the other direction: the callee's request goes to the caller's Contact", () => {
    const { world, route } = established();
    const bye = request("BYE", {
      ...CALLEE,
      uri: "sip:alice@192.0.2.1:5066",
      more: [`Route: ${route}`],
    });
    assert.equal(only(world.receive(bye, pbx(1)), "BYE").to, "udp:192.0.2.1:5066");
    const named = request("BYE", {
      ...CALLEE,
      cseq: 3,
      via: viaOf(9),
      uri: "sip:alice@phone.example",
      more: [`Route: ${route}`],
    });
    assert.equal(only(world.receive(named, pbx(1)), "BYE").to, "udp:192.0.2.1:5060");
  });

  test("16.12: from its own connection a phone behind TCP is reached while that lives, else by its Contact", () => {
    const world = new ProxyWorld();
    const phone = { ...CALLER, transport: "tcp" as const, listener: 1, port: 40_123, connection: 7 };
    const invite = world.invite({ via: "SIP/2.0/TCP 192.0.2.1:40123;branch=z9hG4bKtcp1" }, phone);
    world.receive(answer(invite.message, 200), pbx(1));
    const more = linesOf(invite.message, "record-route").map((value) => `Route: ${value}`);
    const info = { ...CALLEE, uri: "sip:alice@10.99.99.99:5060;transport=tcp", more };
    world.open.add("192.0.2.1:40123");
    assert.equal(only(world.receive(request("INFO", info), pbx(1)), "INFO").to, "tcp:192.0.2.1:40123");
    world.open.clear();
    const later = request("INFO", { ...info, via: viaOf(2), cseq: 8 });
    assert.equal(only(world.receive(later, pbx(1)), "INFO").to, "tcp:10.99.99.99:5060");
  });

  test("16.12: a dialog's request is answered by who it reached, along the Via", () => {
    const { world, invite } = established();
    const bye = only(world.inDialog("BYE", invite), "BYE");
    assert.deepEqual(outline(world.receive(answer(bye.message, 481), pbx(1))), ["481 caller"]);
  });
});

describe("tokens", () => {
  const rows: readonly { name: string; change: (parts: Partial<RequestParts>) => Partial<RequestParts> }[] = [
    { name: "of another call", change: (parts) => ({ ...parts, callId: "call-2@192.0.2.1" }) },
    { name: "of another caller", change: (parts) => ({ ...parts, fromTag: "a2" }) },
    {
      name: "with a letter changed",
      change: (parts) => ({ ...parts, more: [(parts.more?.[0] ?? "").replace("10_1_0_11", "10_1_0_12")] }),
    },
    {
      name: "cut short",
      change: (parts) => ({ ...parts, more: [(parts.more?.[0] ?? "").replace(/.@/, "@")] }),
    },
    {
      name: "of an unknown version",
      change: (parts) => ({ ...parts, more: [(parts.more?.[0] ?? "").replace("sip:t1", "sip:t9")] }),
    },
    {
      name: "without an address in it",
      change: (parts) => ({ ...parts, more: [(parts.more?.[0] ?? "").replace("-10_1_0_11", "")] }),
    },
    {
      name: "with an address that is none",
      change: (parts) => ({ ...parts, more: [(parts.more?.[0] ?? "").replace("10_1_0_11", "10_1_0_999")] }),
    },
  ];
  for (const { name, change } of rows) {
    test(`a token ${name} opens nothing`, () => {
      const { world, invite } = established();
      const sent = world.receive(request("BYE", change(dialogOf(invite, "bye"))));
      assert.deepEqual(outline(sent), ["481 caller"]);
    });
  }

  test("a node with the same secret reads the token; one with another doesn't", () => {
    const { invite } = established();
    const b = new ProxyWorld();
    assert.deepEqual(outline(b.inDialog("BYE", invite)), ["BYE pbx1"]);
    const stranger = new ProxyWorld(TCP_TARGET.replace("0123456789abcdef", "fedcba9876543210"));
    assert.deepEqual(outline(stranger.inDialog("BYE", invite)), ["481 caller"]);
  });

  test("a node with a new secret and the old one behind it reads it too", () => {
    const { invite } = established();
    const b = new ProxyWorld(
      TCP_TARGET.replace("[0123456789abcdef]", "[new-secret-of-today, 0123456789abcdef]"),
    );
    assert.deepEqual(outline(b.inDialog("BYE", invite)), ["BYE pbx1"]);
  });

  test("a node with other listeners than the one that made it still finds the way", () => {
    const world = new ProxyWorld(TCP_TARGET);
    const invite = world.invite();
    const b = new ProxyWorld(
      TCP_TARGET.replace(/listen: .*/, 'listen: ["udp://198.51.100.10:5060"]').replace(
        "transport=tcp",
        "transport=udp",
      ),
    );
    b.open.add("10.1.0.11:5060");
    assert.deepEqual(outline(b.inDialog("BYE", invite)), ["BYE pbx1"]);
    const none = b.inDialog("BYE", invite, { uri: "sip:bob@pbx.example", cseq: 9, via: viaOf(4) });
    assert.deepEqual(outline(none), ["404 caller"]);
  });
});

const CALLEE: Partial<RequestParts> = {
  via: "SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKbob1",
  fromTag: "b1",
  toTag: "a1",
  cseq: 7,
};

function viaOf(number: number): string {
  return `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKvia${number};rport`;
}

const TCP_TARGET = `
node: test
listen: ["udp://198.51.100.10:5060", "tcp://198.51.100.10:5060"]
identity: { aliases: [edge.example], secret: [0123456789abcdef] }
groups:
  carriers: { sources: [192.0.2.0/24] }
  pbx: { sources: [10.1.0.0/24], targets: ["sip:10.1.0.11;transport=tcp"] }
routes: [{ from: carriers, to: pbx }]
`;
