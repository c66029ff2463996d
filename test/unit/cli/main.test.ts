import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { main } from "../../../src/cli/main.ts";
import { GOOD, MISTAKES, planted } from "../config/planted-mistakes.ts";
import { cli, withFile } from "./cli-double.ts";

const argv = (...words: string[]): string[] => ["node", "tandem", ...words];

describe("tandem config check", () => {
  test("a good file", async () => {
    await withFile(GOOD, async (file) => {
      const { environment, seen } = cli();
      assert.equal(await main(argv("config", "check", "-c", file), environment), 0);
      assert.equal(seen.out, `${file}: good: 2 listen addresses, 3 groups, 3 targets, 3 routes\n`);
      assert.equal(seen.err, "");
    });
  });

  test("--json, good and bad", async () => {
    await withFile(GOOD, async (file) => {
      const { environment, seen } = cli();
      assert.equal(await main(argv("config", "check", "--json", "-c", file), environment), 0);
      assert.deepEqual(JSON.parse(seen.out), { file, ok: true, problems: [] });
    });
    await withFile("listen: [udp://10.0.0.1:0]\nnode: 1\n", async (file) => {
      const { environment, seen } = cli();
      assert.equal(await main(argv("config", "check", "--json", "-c", file), environment), 2);
      const { ok, problems } = JSON.parse(seen.out) as { ok: boolean; problems: Record<string, unknown>[] };
      assert.equal(ok, false);
      assert.deepEqual(Object.keys(problems[0] ?? {}).sort(), [
        "column",
        "expected",
        "file",
        "found",
        "key",
        "line",
        "remedy",
      ]);
      assert.deepEqual(
        problems.map(({ line, key }) => [line, key]),
        [
          [1, "listen[0]"],
          [2, "node"],
        ],
      );
    });
  });

  test("takes variables from the environment that it is given", async () => {
    await withFile(`listen: [udp://10.0.0.1]\nnode: $\{EDGE}\n`, async (file) => {
      assert.equal(await main(argv("config", "check", "-c", file), cli({ EDGE: "a" }).environment), 0);
      assert.equal(await main(argv("config", "check", "-c", file), cli().environment), 2);
    });
  });

  test("a file that is not there", async () => {
    const { environment, seen } = cli();
    assert.equal(await main(argv("config", "check", "-c", "/nowhere.yaml"), environment), 2);
    assert.match(seen.err, /^\/nowhere\.yaml:1:1: expected a file that can be read; found no such file\n/);
  });
});

describe("tandem config schema", () => {
  test("is a JSON schema that knows the keys and forbids others", async () => {
    const { environment, seen } = cli();
    assert.equal(await main(argv("config", "schema"), environment), 0);
    const schema = JSON.parse(seen.out) as Record<string, unknown>;
    assert.equal(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert.equal(schema["additionalProperties"], false);
    assert.deepEqual(schema["required"], ["listen"]);
    assert.ok(Object.keys(schema["properties"] ?? {}).includes("groups"));
  });
});

describe("tandem run", () => {
  test("starts a node with the checked configuration", async () => {
    await withFile(GOOD, async (file) => {
      const { environment, seen } = cli();
      assert.equal(await main(argv("run", "-c", file), environment), 0);
      assert.deepEqual(
        seen.started.map(({ config, file: name }) => [config.node, name]),
        [["edge-a", file]],
      );
    });
  });

  test("says why a node did not start", async () => {
    await withFile(GOOD, async (file) => {
      const { environment, seen } = cli();
      const runNode = async (): Promise<void> => {
        throw new Error("udp://198.51.100.10:5060 is taken");
      };
      assert.equal(await main(argv("run", "-c", file), { ...environment, runNode }), 1);
      assert.equal(seen.err, "tandem: udp://198.51.100.10:5060 is taken\n");
    });
  });
});

describe("the command line itself", () => {
  const rows: [string, string[], 0 | 1, RegExp][] = [
    ["help", ["--help"], 0, /Usage: tandem/],
    ["version", ["--version"], 0, /^\d+\.\d+\.\d+/],
    ["no file", ["run"], 1, /required option '-c, --config <file>'/],
    ["an unknown command", ["rum"], 1, /unknown command 'rum'/],
    ["an unknown option", ["run", "-c", "x", "--fast"], 1, /unknown option '--fast'/],
    ["an unknown command below config", ["config", "chek"], 1, /unknown command 'chek'/],
    ["no command", [], 1, /Usage: tandem/],
  ];
  for (const [name, words, code, wanted] of rows) {
    test(name, async () => {
      const { environment, seen } = cli();
      assert.equal(await main(argv(...words), environment), code);
      assert.match(seen.out + seen.err, wanted);
      assert.equal(seen.started.length, 0);
    });
  }
});

interface Ended {
  readonly code: unknown;
  readonly out: string;
  readonly err: string;
}

function tandem(...words: string[]): Promise<Ended> {
  const program = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], { timeout: 30_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : error.code, out, err }),
    );
  });
}

describe("the real process", () => {
  for (const { name, line, with: text, remedy } of MISTAKES.filter((_, index) => index % 18 === 3)) {
    test(`refuses to run with ${name}, and starts nothing`, async () => {
      await withFile(planted({ line, with: text }), async (file) => {
        const { code, out, err } = await tandem("run", "-c", file);
        assert.equal(code, 2, err);
        assert.match(err, remedy);
        assert.match(err, /nothing was started\n$/);
        assert.equal(out, "", "no log line of a node");
      });
    });
  }

  test("binds no address for a file with a mistake at its end", async () => {
    // Held by us: a node that would bind before it has checked everything fails with another code.
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    try {
      const text = `listen: [udp://127.0.0.1:${socket.address().port}]\nlog: { level: loud }\n`;
      await withFile(text, async (file) => {
        const { code, err } = await tandem("run", "-c", file);
        assert.equal(code, 2, err);
        assert.match(err, /log\.level/);
      });
    } finally {
      socket.close();
    }
  });

  test("checks a good file", async () => {
    await withFile(GOOD, async (file) => assert.equal((await tandem("config", "check", "-c", file)).code, 0));
  });
});
