/** Where system programs are looked for: a service's PATH often lacks the sbin folders. */
const SBIN = "/usr/local/sbin:/usr/sbin:/sbin";

/** The environment of a helper program; LC_ALL=C because its words are read. */
export function toolEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const path = env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin";
  return { PATH: `${path}:${SBIN}`, LC_ALL: "C" };
}
