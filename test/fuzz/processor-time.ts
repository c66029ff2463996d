// Time that is fair on a busy machine: what this thread itself has used of the processor.

/** Milliseconds of this thread's processor time. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
