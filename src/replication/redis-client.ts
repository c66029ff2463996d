/** One connection of node-redis to one server. It is never mended: who has it makes another one. */
import { Buffer } from "node:buffer";
import { createClient, ErrorReply, RESP_TYPES } from "redis";
import type { RedisHost, RedisLogin } from "../config/redis-config.ts";
import type { RedisTls } from "./redis-settings.ts";
import type { StoreFault, StoreFaultCode } from "./store.ts";

/** Reply as RESP2 has it. */
export type RedisReply = string | number | null | Buffer | readonly RedisReply[];

/** Why a command was not done. */
export class RedisFault extends Error {
  override readonly name = "RedisFault";
  readonly fault: StoreFault;
  constructor(fault: StoreFault, options?: ErrorOptions) {
    super(fault.message, options);
    this.fault = fault;
  }
}

export interface CallOptions {
  /** No answer within it: the connection is given up, as later answers would only say what is not asked any more. */
  readonly timeoutMs: number;
  /** Strings of the reply as bytes. */
  readonly bytes: boolean;
}

export interface RedisClient {
  call(args: readonly (string | Buffer)[], options: CallOptions): Promise<RedisReply>;
  /** Ends it now; what runs is answered with a fault. */
  destroy(): void;
}

export interface ClientSettings {
  readonly server: RedisHost;
  readonly login: RedisLogin;
  readonly database: number;
  readonly tls: RedisTls | null;
  readonly connectTimeoutMs: number;
}

const AS_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** @param lost the connection ended; called once, also after a time-out, not after `destroy`. Rejects with RedisFault. */
export async function openClient(
  settings: ClientSettings,
  lost: (fault: StoreFault) => void,
): Promise<RedisClient> {
  const client = createClient({
    RESP: 2,
    ...loginOptions(settings),
    database: settings.database,
    disableOfflineQueue: true,
    disableClientInfo: true,
    // The time-outs are ours: an abort signal a command costs more than the command.
    commandOptions: { timeout: 0 },
    socket: socketOptions(settings),
  });
  let isLost = false;
  const lose = (fault: StoreFault): void => {
    if (isLost) return;
    isLost = true;
    if (client.isOpen) client.destroy();
    lost(fault);
  };
  // Errors of the socket end it; those of commands reject their promise, those before it is open that of `connect`.
  let isOpen = false;
  client.on("error", (error: Error) => {
    if (isOpen) lose(faultOf(error));
  });
  client.on("end", () => lose(away("the connection ended")));
  const late = rejectAfter(settings.connectTimeoutMs, "it does not let us in");
  try {
    await Promise.race([client.connect(), late.promise]);
    isOpen = true;
  } catch (error) {
    isLost = true;
    if (client.isOpen) client.destroy();
    throw asRedisFault(error, { certain: true });
  } finally {
    late.cancel();
  }
  return {
    call: (args, options) => call(client, { args, options, lose }),
    destroy: () => {
      isLost = true;
      if (client.isOpen) client.destroy();
    },
  };
}

type NodeRedis = Pick<ReturnType<typeof createClient>, "sendCommand">;

function call(
  client: NodeRedis,
  task: { args: readonly (string | Buffer)[]; options: CallOptions; lose: (fault: StoreFault) => void },
): Promise<RedisReply> {
  const { args, options, lose } = task;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const message = `no answer within ${options.timeoutMs} ms`;
      const fault: StoreFault = { kind: "fault", code: "REDIS_TIMEOUT", message, uncertain: true };
      reject(new RedisFault(fault));
      lose(fault);
    }, options.timeoutMs);
    const sent = options.bytes
      ? client.sendCommand<RedisReply>([...args], AS_BYTES)
      : client.sendCommand<RedisReply>([...args]);
    sent.then(
      (reply) => {
        clearTimeout(timer);
        resolve(reply);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(asRedisFault(error, { certain: false }));
      },
    );
  });
}

function loginOptions({ login: { username, password } }: ClientSettings): {
  username?: string;
  password?: string;
} {
  return { ...(username === null ? {} : { username }), ...(password === null ? {} : { password }) };
}

function socketOptions({ server, tls, connectTimeoutMs }: ClientSettings) {
  const common = {
    host: server.host,
    port: server.port,
    connectTimeout: connectTimeoutMs,
    reconnectStrategy: false as const,
  };
  if (tls === null) return common;
  return {
    ...common,
    tls: true as const,
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.cert === null ? {} : { cert: tls.cert }),
    ...(tls.key === null ? {} : { key: tls.key }),
    ...(tls.servername === null ? {} : { servername: tls.servername }),
  };
}

function rejectAfter(ms: number, message: string): { promise: Promise<never>; cancel: () => void } {
  let cancel = (): void => {};
  const promise = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new RedisFault({ ...away(message), code: "REDIS_TIMEOUT" })), ms);
    cancel = () => clearTimeout(timer);
  });
  return { promise, cancel };
}

function away(message: string): StoreFault {
  return { kind: "fault", code: "REDIS_AWAY", message, uncertain: true };
}

/** First words of Redis's error replies (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
const REPLY_CODES: readonly (readonly [RegExp, StoreFaultCode])[] = [
  [/^(NOAUTH|WRONGPASS|NOPERM)\b|invalid password|invalid username/, "REDIS_LOGIN"],
  [/^OOM\b/, "REDIS_MEMORY"],
  [/^(READONLY|MASTERDOWN)\b/, "REDIS_READ_ONLY"],
  [/^(LOADING|BUSY)\b/, "REDIS_LOADING"],
  [/^WRONGTYPE\b/, "JOURNAL_GARBAGE"],
];

function faultOf(error: unknown): StoreFault {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ErrorReply) {
    const code = REPLY_CODES.find(([pattern]) => pattern.test(message))?.[1] ?? "REDIS_REFUSED";
    return { kind: "fault", code, message, uncertain: false };
  }
  return away(message === "" ? "the connection failed" : message);
}

function asRedisFault(error: unknown, { certain }: { certain: boolean }): RedisFault {
  if (error instanceof RedisFault) return error;
  const fault = faultOf(error);
  return new RedisFault(certain ? { ...fault, uncertain: false } : fault, { cause: error });
}
