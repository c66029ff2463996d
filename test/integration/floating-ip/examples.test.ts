// The scripts of config/floating-ip, each against a stub of its provider's command that is put first in PATH.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ScriptFolder, scriptDriver } from "./script.ts";

const FOLDER = join(import.meta.dirname, "../../../config/floating-ip");
const REAL_PATH = process.env["PATH"] ?? "";

interface Example {
  readonly script: string;
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  /** The provider's command: $STATE has who has the address. It fails on arguments that the real one would not know. */
  readonly stub: string;
  /** $STATE when this node has it, and when the other one has. */
  readonly ours: string;
  readonly other: string;
  readonly none: string;
}

const EXAMPLES: readonly Example[] = [
  {
    script: "aws-elastic-ip.sh",
    command: "aws",
    env: { AWS_ALLOCATION_ID: "eipalloc-1", AWS_NETWORK_INTERFACE_ID: "eni-1" },
    stub: `case "$*" in
  "ec2 describe-addresses --allocation-ids eipalloc-1 --query Addresses[0].[NetworkInterfaceId,AssociationId] --output text")
    printf '%s\\teipassoc-7\\n' "$(cat "$STATE")" ;;
  "ec2 associate-address --allocation-id eipalloc-1 --network-interface-id eni-1 --allow-reassociation")
    printf eni-1 >"$STATE"; echo '{"AssociationId": "eipassoc-7"}' ;;
  "ec2 disassociate-address --association-id eipassoc-7") printf None >"$STATE" ;;
  *) echo "aws: $*" >&2; exit 252 ;;
esac`,
    ours: "eni-1",
    other: "eni-12",
    none: "None",
  },
  {
    script: "aws-private-ip.sh",
    command: "aws",
    env: { AWS_NETWORK_INTERFACE_ID: "eni-1" },
    stub: `case "$*" in
  "ec2 describe-network-interfaces --network-interface-ids eni-1 --query NetworkInterfaces[0].PrivateIpAddresses[].PrivateIpAddress --output text")
    printf '10.0.0.4\\t%s\\n' "$(cat "$STATE")" ;;
  "ec2 assign-private-ip-addresses --network-interface-id eni-1 --private-ip-addresses 198.51.100.10 --allow-reassignment")
    printf 198.51.100.10 >"$STATE" ;;
  "ec2 unassign-private-ip-addresses --network-interface-id eni-1 --private-ip-addresses 198.51.100.10") printf '' >"$STATE" ;;
  *) echo "aws: $*" >&2; exit 252 ;;
esac`,
    ours: "198.51.100.10",
    other: "198.51.100.101",
    none: "",
  },
  {
    script: "hetzner.sh",
    command: "hcloud",
    env: { HCLOUD_FLOATING_IP: "edge", HCLOUD_SERVER_ID: "42" },
    stub: `case "$*" in
  "floating-ip describe edge -o format={{if .Server}}{{.Server.ID}}{{end}}") cat "$STATE" ;;
  "floating-ip assign edge 42") printf 42 >"$STATE"; echo "Floating IP 7 assigned to Server 42" ;;
  "floating-ip unassign edge") printf '' >"$STATE"; echo "Floating IP 7 unassigned" ;;
  *) echo "hcloud: $*" >&2; exit 1 ;;
esac`,
    ours: "42",
    other: "421",
    none: "",
  },
  {
    script: "openstack.sh",
    command: "openstack",
    env: { OS_FLOATING_IP: "198.51.100.10", OS_PORT_ID: "port-a" },
    stub: `case "$*" in
  "floating ip show 198.51.100.10 -f value -c port_id") cat "$STATE"; echo ;;
  "floating ip set --port port-a 198.51.100.10") printf port-a >"$STATE" ;;
  "floating ip unset --port 198.51.100.10") printf None >"$STATE" ;;
  *) echo "openstack: $*" >&2; exit 2 ;;
esac`,
    ours: "port-a",
    other: "port-ab",
    none: "None",
  },
  {
    script: "bird.sh",
    command: "birdc",
    env: { BIRD_PROTOCOL: "tandem" },
    stub: `echo "BIRD 2.0.12 ready."
case "$*" in
  "show protocols tandem")
    echo "Name       Proto      Table      State  Since         Info"
    echo "tandem     Static     master4    $(cat "$STATE")     12:00:00.000  " ;;
  "enable tandem") if [ "$(cat "$STATE")" = up ]; then echo "tandem: already enabled"; else printf up >"$STATE"; echo "tandem: enabled"; fi ;;
  "disable tandem") if [ "$(cat "$STATE")" = down ]; then echo "tandem: already disabled"; else printf down >"$STATE"; echo "tandem: disabled"; fi ;;
  *) echo "syntax error, unexpected CF_SYM_UNDEFINED" ;;
esac`,
    ours: "up",
    other: "down",
    none: "down",
  },
];

test("every script of the folder is tested here", () => {
  assert.deepEqual(EXAMPLES.map(({ script }) => script).sort(), readdirSync(FOLDER).sort());
});

for (const example of EXAMPLES) {
  describe(example.script, () => {
    let folder: ScriptFolder;
    const put = (state: string): void => folder.put("state", state);

    before(() => {
      folder = new ScriptFolder();
      folder.write(example.command, `echo "$*" >>"$LOG"\n${example.stub}`);
      Object.assign(process.env, example.env, { PATH: `${folder.path}:${REAL_PATH}` });
    });
    after(() => {
      folder[Symbol.dispose]();
      process.env["PATH"] = REAL_PATH;
      for (const name of Object.keys(example.env)) delete process.env[name];
    });
    const driver = (faults: string[] = []) =>
      scriptDriver([join(FOLDER, example.script)], { faults, triesMax: 2 });

    test("takes the address from the other node, keeps it, gives it up", async () => {
      put(example.other);
      const faults: string[] = [];
      const moved = driver(faults);
      await moved.start();
      await moved.add();
      assert.equal(folder.read("state"), example.ours);
      assert.equal((await moved.status())[0]?.held, true);
      await moved.add();
      assert.equal(folder.read("state"), example.ours);
      assert.equal((await moved.remove()).confirmed, true);
      assert.equal(folder.read("state"), example.none);
      assert.equal((await moved.remove()).confirmed, true);
      assert.deepEqual(faults, []);
    });

    test("never takes away what the other node has", async () => {
      put(example.other);
      assert.equal((await driver().remove()).confirmed, true);
      assert.equal(folder.read("state"), example.other);
    });

    test("the provider's failure is told, and nothing is believed", async () => {
      put(example.other);
      folder.write(example.command, "echo 'the service is away' >&2; exit 1");
      await assert.rejects(driver().add(), { code: "FLOATING_IP_FAILED" });
      assert.equal((await driver().remove()).confirmed, false);
      await assert.rejects(driver().status(), { code: "FLOATING_IP_FAILED" });
    });

    test("a missing setting is no reason to try again", {
      skip: example.script === "bird.sh" && "it has a default",
    }, async () => {
      const [name = ""] = Object.keys(example.env);
      const value = process.env[name];
      delete process.env[name];
      const faults: string[] = [];
      await assert.rejects(driver(faults).add(), { message: /code 78: .* must be set/ });
      assert.deepEqual(faults, []);
      process.env[name] = value;
    });
  });
}
