/** What a Redis should be set to before calls are trusted to it; asked for at each connection, told in the log. */
import { RedisFault } from "./redis-client.ts";
import { infoFields, type RedisConnection, type RedisServer } from "./redis-connection.ts";

/** The first version whose streams are trimmed by id. */
const VERSION_LEAST = [6, 2] as const;

export interface RedisFacts {
  readonly version: string;
  /** Bytes; 0: no bound. */
  readonly maxMemory: number;
  readonly evictionPolicy: string;
  readonly isAppendOnly: boolean;
  /** The setting `save`; null: it may not be asked for. */
  readonly save: string | null;
}

/** @returns sentences, each with its remedy; none where all is well */
export function redisWarnings(facts: RedisFacts): string[] {
  const warnings: string[] = [];
  const { version, maxMemory, evictionPolicy, isAppendOnly, save } = facts;
  if (!isRecent(version)) {
    warnings.push(`Redis ${version} is too old: ${VERSION_LEAST.join(".")} or later is needed, upgrade it`);
  }
  if (maxMemory > 0 && evictionPolicy !== "noeviction") {
    warnings.push(
      `Redis throws keys away when its memory is full (maxmemory-policy ${evictionPolicy}): set maxmemory-policy noeviction`,
    );
  }
  if (!isAppendOnly && save === "") {
    warnings.push(
      "Redis keeps nothing on disk: when it restarts, the active node fills it anew, and nobody can if that died too; set appendonly yes",
    );
  }
  return warnings;
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > VERSION_LEAST[0] || (major === VERSION_LEAST[0] && minor >= VERSION_LEAST[1]);
}

/** Rejects with RedisFault. */
export async function readRedisFacts(
  connection: RedisConnection,
  { version }: RedisServer,
): Promise<RedisFacts> {
  const memory = infoFields(await connection.call(["INFO", "memory"]));
  const persistence = infoFields(await connection.call(["INFO", "persistence"]));
  return {
    version,
    maxMemory: Number(memory.get("maxmemory") ?? 0),
    evictionPolicy: memory.get("maxmemory_policy") ?? "",
    isAppendOnly: persistence.get("aof_enabled") === "1",
    save: await readSave(connection),
  };
}

/** A user of few rights may not read the configuration, and hosted Redis has no such command. */
async function readSave(connection: RedisConnection): Promise<string | null> {
  try {
    const reply = await connection.call(["CONFIG", "GET", "save"]);
    return Array.isArray(reply) && typeof reply[1] === "string" ? reply[1] : null;
  } catch (error) {
    if (error instanceof RedisFault && !error.fault.uncertain) return null;
    throw error;
  }
}
