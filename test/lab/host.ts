// A host of the lab: one network namespace with an IPv4 and an IPv6 address on each network it is attached to.
import { runCommand } from "./command.ts";
import { Program, type ProgramOptions } from "./program.ts";

/** Where a host is plugged in. */
export interface Attachment {
  network: string;
  interface: string;
  /** The other end of the cable, in the namespace of the switch. */
  port: string;
  ip4: string;
  ip6: string;
}

export interface HostSpec {
  name: string;
  namespace: string;
  /** The namespace that holds the bridges. */
  switchNamespace: string;
  directory: string;
  attachments: readonly Attachment[];
  /** Called with each program started, so that the lab ends them all. */
  onStart: (program: Program) => void;
}

export class Host {
  readonly name: string;
  readonly namespace: string;
  readonly switchNamespace: string;
  readonly directory: string;
  readonly attachments: readonly Attachment[];
  readonly #onStart: (program: Program) => void;
  #started = 0;

  constructor(spec: HostSpec) {
    this.name = spec.name;
    this.namespace = spec.namespace;
    this.switchNamespace = spec.switchNamespace;
    this.directory = spec.directory;
    this.attachments = spec.attachments;
    this.#onStart = spec.onStart;
  }

  /** The attachment to the first network, or to the one named. */
  attachment(network?: string): Attachment {
    const found = this.attachments.find((each) => network === undefined || each.network === network);
    if (found === undefined) throw new Error(`${this.name} is not attached to ${network ?? "any network"}`);
    return found;
  }

  /** IPv4 address on the first network. */
  get ip4(): string {
    return this.attachment().ip4;
  }

  /** IPv6 address on the first network, without brackets. */
  get ip6(): string {
    return this.attachment().ip6;
  }

  /** Starts a program in this host; its working directory is the lab's. It ends with the lab at the latest. */
  start(label: string, argv: readonly string[], options: ProgramOptions = {}): Program {
    this.#started += 1;
    const program = new Program({
      ...options,
      label: `${this.name}-${this.#started}-${label}`,
      namespace: this.namespace,
      directory: this.directory,
      argv,
    });
    this.#onStart(program);
    return program;
  }

  /** Runs a short command in this host and returns its output; throws when it fails. */
  run(argv: readonly string[], input = ""): string {
    return runCommand(["ip", "netns", "exec", this.namespace, ...argv], input);
  }
}
