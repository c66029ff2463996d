// What package-lock.json must hold for `npm ci` to work on every machine, whatever registry it was written against.

const REGISTRY = "registry.npmjs.org";

interface LockedPackage {
  version?: string;
  resolved?: string;
  optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * A registry that lacks the packages of other platforms has npm leave them out, and `npm ci` then calls the file out of
 * step: such entries are added by hand, with version, os and cpu.
 * @returns one sentence for each entry that works on the machine of its author only.
 */
export function lockFaults(lock: { packages: Readonly<Record<string, LockedPackage>> }): string[] {
  const faults: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    const host = entry.resolved?.startsWith("http") ? new URL(entry.resolved).host : REGISTRY;
    if (host !== REGISTRY) faults.push(`${path}: names the registry ${host}`);
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      const locked = [`node_modules/${name}`, `${path}/node_modules/${name}`].some(
        (at) => at in lock.packages,
      );
      if (!locked)
        faults.push(`${path}: its optional dependency ${name} is not locked, and npm ci would refuse`);
    }
  }
  return faults;
}
