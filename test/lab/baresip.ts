// baresip in a host of the lab: a real phone that answers by itself, or calls.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";
import type { Program } from "./program.ts";

export interface PhoneOptions {
  user: string;
  /** Where it sends what it sends, as a SIP URI; default: where the URI called says. */
  outboundProxy?: string;
  /** Called as soon as it is up, as a SIP URI. */
  dial?: string;
  /** Ends (hanging up) after so many seconds. */
  quitAfterS?: number;
}

// No sound card: it says what is in a file, and what it hears goes nowhere.
const CONFIG = `
sip_listen LISTEN:5060
audio_source aufile,SOUND
audio_player aubridge,nowhere
audio_alert aubridge,bell
module_path MODULES
module g711.so
module aubridge.so
module aufile.so
module_app account.so
module_app menu.so
`;

const SAMPLES_A_SECOND = 8_000;
const SOUND_S = 10;

/** A file of silence in the WAV format: 16 bits, one channel, 8,000 samples a second, as G.711 wants it. */
function silentWav(): Buffer {
  const dataBytes = 2 * SAMPLES_A_SECOND * SOUND_S;
  const wav = Buffer.alloc(44 + dataBytes);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(36 + dataBytes, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20); // PCM
  wav.writeUInt16LE(1, 22); // channels
  wav.writeUInt32LE(SAMPLES_A_SECOND, 24);
  wav.writeUInt32LE(2 * SAMPLES_A_SECOND, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(dataBytes, 40);
  return wav;
}

const MODULE_FOLDER = "/usr/lib/baresip/modules";

/** Starts a phone that registers nowhere and answers each call; resolves when it listens. */
export async function startPhone(host: Host, options: PhoneOptions): Promise<Program> {
  const folder = join(host.directory, `${host.name}-baresip`);
  mkdirSync(folder);
  const sound = join(folder, "sound.wav");
  writeFileSync(sound, silentWav());
  const config = CONFIG.replace("LISTEN", host.ip4).replace("MODULES", MODULE_FOLDER).replace("SOUND", sound);
  writeFileSync(join(folder, "config"), config);
  const outbound = options.outboundProxy === undefined ? "" : `;outbound="${options.outboundProxy}"`;
  const account = `<sip:${options.user}@${host.ip4}>;regint=0;answermode=auto;audio_codecs=pcmu${outbound}\n`;
  writeFileSync(join(folder, "accounts"), account);
  writeFileSync(join(folder, "contacts"), "");
  const argv = ["baresip", "-f", folder];
  if (options.quitAfterS !== undefined) argv.push("-t", `${options.quitAfterS}`);
  if (options.dial !== undefined) argv.push("-e", `/dial ${options.dial}`);
  const program = host.start("baresip", argv, { env: { HOME: folder } });
  await program.untilBound("udp", 5060, 10_000);
  return program;
}
