// The Debian packages of the lab, in one place, and whether the lab can run on this machine.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { onStop, run } from "./processes.mjs";
import { say, showing } from "./progress.mjs";

/** The programs that the lab runs. `demo`: the demo needs it too. */
const PACKAGES = [
  { name: "sip-tester", program: "sipp", demo: true },
  { name: "iproute2", program: "ip", demo: true },
  { name: "nftables", program: "nft", demo: true },
  { name: "procps", program: "ps", demo: true },
  { name: "kamailio", program: "kamailio", demo: false },
  { name: "baresip", program: "baresip", demo: false },
  { name: "keepalived", program: "keepalived", demo: false },
  { name: "knot", program: "knotd", demo: false },
  { name: "tcpdump", program: "tcpdump", demo: true },
  { name: "redis-server", program: "redis-server", demo: false },
  { name: "socat", program: "socat", demo: true },
];

const POLICY_FILE = "/usr/sbin/policy-rc.d";
const POLICY =
  "#!/bin/sh\n# Written by Tandem's set-up while it installs packages: do not start their services.\nexit 101\n";
const SEARCH = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
const APT = ["-y", "-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2"];
const APT_ENV = { ...process.env, PATH: SEARCH, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };

function installed(program) {
  return SEARCH.split(":").some((folder) => folder !== "" && existsSync(`${folder}/${program}`));
}

/** Keeps a package's service (Kamailio's) from starting at its installation. Returns how to undo it. */
function forbidServices() {
  if (existsSync(POLICY_FILE)) return () => {};
  const undo = () => {
    if (existsSync(POLICY_FILE) && readFileSync(POLICY_FILE, "utf8") === POLICY) rmSync(POLICY_FILE);
  };
  writeFileSync(POLICY_FILE, POLICY, { mode: 0o755 });
  const forget = onStop(undo);
  return () => {
    forget();
    undo();
  };
}

async function install(names) {
  const argv = ["apt-get", "install", ...APT, "--no-install-recommends", ...names];
  const first = await run(argv, { env: APT_ENV });
  if (first.code === 0) return first;
  const update = await run(["apt-get", "update", ...APT], { env: APT_ENV });
  if (update.code !== 0) return update;
  return run(argv, { env: APT_ENV });
}

/**
 * Installs what is missing for the lab and tries out whether it can run.
 * @param {"demo" | "test"} purpose
 * @returns {Promise<string | null>} why the lab can't run here; null: it can
 */
export async function prepareLab(purpose) {
  if (process.platform !== "linux") return "it needs Linux (network namespaces)";
  const missing = PACKAGES.filter((entry) => (purpose === "test" || entry.demo) && !installed(entry.program));
  const names = missing.map((entry) => entry.name);
  const byHand = `install by hand: apt-get install ${names.join(" ")}`;
  if (process.getuid() !== 0) {
    return `it needs root (network namespaces)${names.length === 0 ? "" : `, and Debian packages; ${byHand}`}`;
  }
  if (names.length > 0) {
    if (!installed("apt-get")) return `programs are missing and there is no apt-get here; ${byHand}`;
    const allowServices = forbidServices();
    try {
      const { code, output } = await showing(`installing Debian packages (${names.join(" ")})`, () =>
        install(names),
      );
      if (code !== 0) {
        const reason = output.trimEnd().split("\n").slice(-8).join("\n  ");
        say(`apt-get could not install ${names.join(" ")}:\n  ${reason}`);
        return `Debian packages are missing; ${byHand}`;
      }
    } finally {
      allowServices();
    }
    say(`installed the Debian packages ${names.join(" ")}`);
  }
  return namespaceFault();
}

/** A container may give us root and yet no namespaces: try one. */
async function namespaceFault() {
  const env = { ...process.env, PATH: SEARCH };
  const name = `tandem-try-${process.pid}`;
  const added = await run(["ip", "netns", "add", name], { env });
  await run(["ip", "netns", "delete", name], { env });
  if (added.code === 0) return null;
  return `network namespaces can't be made here (${added.output.trim().split("\n")[0]})`;
}
