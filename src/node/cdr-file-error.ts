/** Why CDRs can't be written, in words. */
import { errorCode } from "../transport/failure.ts";

export type CdrFileErrorCode = "CDR_FORBIDDEN" | "CDR_NO_DIRECTORY" | "CDR_NOT_A_FILE" | "CDR_READ_ONLY";

/** A mistake in the configuration or the set-up, at the start: no waiting mends it. */
export class CdrFileError extends Error {
  override readonly name = "CdrFileError";
  /** Stable: docs/errors.md. */
  readonly code: CdrFileErrorCode;

  constructor(file: string, code: CdrFileErrorCode, cause: unknown) {
    super(`cannot write CDRs to ${file}: ${reasonOf(cause)}`, { cause });
    this.code = code;
  }
}

const MISTAKES: Readonly<Record<string, CdrFileErrorCode>> = {
  EACCES: "CDR_FORBIDDEN",
  EPERM: "CDR_FORBIDDEN",
  ENOENT: "CDR_NO_DIRECTORY",
  ENOTDIR: "CDR_NO_DIRECTORY",
  EISDIR: "CDR_NOT_A_FILE",
  ENXIO: "CDR_NOT_A_FILE",
  EROFS: "CDR_READ_ONLY",
};

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied; the user that runs the node must be able to read and write it",
  EPERM: "permission denied; the user that runs the node must be able to read and write it",
  ENOENT: "its directory does not exist",
  ENOTDIR: "a part of its path is no directory",
  EISDIR: "it is a directory",
  ENXIO: "it is a pipe or a socket, not a file",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file is as large as it may be",
  EIO: "the disk has an error",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
};

/** @returns null where the file may be written later without anybody's help: a full disk is no reason to refuse calls */
export function mistakeOf(file: string, cause: unknown): CdrFileError | null {
  const code = MISTAKES[errorCode(cause as Error)];
  return code === undefined ? null : new CdrFileError(file, code, cause);
}

/** "the disk is full" */
export function reasonOf(cause: unknown): string {
  return REASONS[errorCode(cause as Error)] ?? (cause instanceof Error ? cause.message : String(cause));
}
