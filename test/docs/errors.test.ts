// docs/errors.md against the sources: no code and no counter is missing there, and none stands there that is no more.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../../src/config/load-config.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { zeroCounters } from "../../src/transport/counters.ts";
import { codeSpans, readPage, rowsWith } from "./markdown.ts";
import { argumentsOf, callsOf, readSource, stringsOf, unionOf } from "./source-text.ts";

const page = readPage("docs/errors.md");
const source = readSource();
const text = (path: string): string => source.get(path) ?? assert.fail(`${path} is no more`);

const PARSE_ERROR = text("src/sip/message/parse-error.ts");
const FLOW = text("src/transport/flow.ts");

/** Codes of the yaml package, which never reach a user as such; a flag of an interface, a variable between our processes. */
const FOREIGN_CODES = ["MISSING_CHAR", "UNEXPECTED_TOKEN", "LOWER_UP", "TANDEM_GUARDIAN", "TANDEM_REHEARSAL"];

function documented(heading: string): string[] {
  return rowsWith(page, heading).flatMap((row) => codeSpans(row[heading] ?? "").slice(0, 1));
}

/** Reasons of each `refusal(status, phrase, reason)` in some files: [status, reason]. */
function refusals(files: Iterable<string>): [number, string][] {
  return [...files].flatMap((file) =>
    callsOf(text(file), "refusal").flatMap((call) => {
      const [status = "", , reason = ""] = argumentsOf(call);
      return stringsOf(reason).map((name): [number, string] => [Number(status), name]);
    }),
  );
}

const reasonsOf = (...files: string[]): string[] => refusals(files).map(([, reason]) => reason);
const REFUSED = refusals(source.keys()).map(([status, reason]) => `refused.${status}.${reason}`);

/** What the templates stand for by which a counter is named; a new template needs a line here. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  "`refused.{refusal.status}.{refusal.reason}`": REFUSED,
  "`dropped.ack-{refused.reason}`": reasonsOf("src/proxy/validation.ts").map(
    (reason) => `dropped.ack-${reason}`,
  ),
  "`own.{own.method}`": ["own.BYE", "own.CANCEL", "own.OPTIONS"],
  "`transport.{failure}`": unionOf(FLOW, "SendFailure").map((failure) => `transport.${failure}`),
  "`malformed.{error.code}`": unionOf(PARSE_ERROR, "SipParseCode").map((code) => `malformed.${code}`),
};

/** Strings of a list that an expression takes its value from. */
function listed(code: string, expression: string): string[] {
  const lists = [...expression.matchAll(/\b([A-Z][A-Z_]+)\[/g)].map((match) => match[1] ?? "");
  return lists.flatMap((list) =>
    stringsOf(new RegExp(`const ${list}\\b[^=]*= ([^;]*);`).exec(code)?.[1] ?? ""),
  );
}

function namesOf(code: string, expression: string): string[] {
  const names = [...stringsOf(expression), ...listed(code, expression)].filter((name) => name !== "");
  if (names.length === 0) assert.fail(`which counter is ${expression}? Let the call say its name`);
  return names.flatMap((name) => {
    if (!name.startsWith("`")) return [name];
    return TEMPLATES[name] ?? assert.fail(`a counter is named by ${name}: say in this test what that may be`);
  });
}

function counterNames(): string[] {
  const names = [...source.values()].flatMap((code) =>
    callsOf(code, "counters.add").flatMap((expression) => namesOf(code, expression)),
  );
  return [...new Set([...names, ...Object.keys(zeroCounters())])].sort();
}

describe("docs/errors.md", () => {
  test("has every error code of the sources, and no other", () => {
    const strings = [...source.values()].flatMap(
      (code) => code.match(/(?<=[^[]")[A-Z]+(?:_[A-Z]+)+(?=")/g) ?? [],
    );
    const codes = new Set(strings.filter((code) => !FOREIGN_CODES.includes(code)));
    assert.deepEqual(documented("code").sort(), [...codes].sort());
  });

  test("has every status that a malformed message is answered with", () => {
    const statuses = rowsWith(page, "answered").flatMap((row) => row["answered"]?.match(/\d{3}/g) ?? []);
    assert.deepEqual([...new Set(statuses)].sort(), unionOf(PARSE_ERROR, "status").sort());
  });

  test("has every counter of the proxy and of the sockets, and no other", () => {
    assert.deepEqual(documented("counter").sort(), counterNames());
  });

  test("has every reason for dropped bytes", () => {
    const dropped = unionOf(FLOW, "DropReason").map((reason) => `dropped.${reason}`);
    const missing = dropped.filter((name) => !documented("counter").includes(name));
    assert.ok(dropped.length > 0);
    assert.deepEqual(missing, []);
  });

  test("has every exit code", () => {
    const codes = unionOf(text("src/cli/main.ts"), "ExitCode");
    assert.deepEqual(documented("exit code"), codes);
  });

  test("every row says what it means and what to do", () => {
    const rows = ["code", "counter", "exit code", "kind"].flatMap((heading) => rowsWith(page, heading));
    assert.deepEqual(
      rows.filter((row) => Object.values(row).some((cell) => cell === "")),
      [],
    );
  });
});

describe("the kinds of configuration problems in docs/errors.md", () => {
  for (const row of rowsWith(page, "kind")) {
    test(`${row["kind"]}: the example has it`, () => {
      const [example = ""] = codeSpans(row["example"] ?? "");
      const [expected = ""] = codeSpans(row["it says"] ?? "");
      assert.notEqual(expected, "");
      const listen = example.includes("listen") ? "" : "listen: [udp://127.0.0.1:5060]\n";
      assert.throws(
        () => parseConfig(`${listen}${example}\n`, { file: "edge.yaml", env: {} }),
        (error) => error instanceof ConfigError && error.message.includes(expected),
      );
    });
  }
});

describe("the reader of the sources", () => {
  const rows = [
    { name: "a string", call: 'a("x.y")', want: ["x.y"] },
    { name: "one of two", call: 'a(m === "INVITE" ? "x" : "y")', want: ["x", "y"] },
    { name: "a template with a call in it", call: "a(`x.$" + "{f(1)}`)", want: ["`x.{f(1)}`"] },
    { name: "a declaration is no call", call: 'function a(b = "x") {}', want: [] },
  ];
  for (const { name, call, want } of rows) {
    test(name, () => assert.deepEqual(callsOf(call, "a").flatMap(stringsOf), want));
  }
  test("arguments: commas in strings and brackets do not count", () => {
    assert.deepEqual(argumentsOf('481, "a, b", f(1, 2), `g(3, 4)`'), [
      "481",
      '"a, b"',
      "f(1, 2)",
      "`g(3, 4)`",
    ]);
  });
});
