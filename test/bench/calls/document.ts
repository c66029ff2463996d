// docs/performance.md: the parts between the markers are written by the benchmark, all else by people.

/** Where a generated part begins and ends. */
export interface Marks {
  begin: string;
  end: string;
}

export const BENCH_MARKS: Marks = {
  begin: "<!-- bench:begin (npm run bench writes what is between these marks) -->",
  end: "<!-- bench:end -->",
};
export const REPLICATION_MARKS: Marks = {
  begin: "<!-- replication:begin (npm run bench -- --replication writes what is between these marks) -->",
  end: "<!-- replication:end -->",
};

/** The document as it is before anybody wrote in it. */
export const EMPTY_DOCUMENT = `# Performance

\`npm run bench\` measures Tandem beside Kamailio and a bare forwarder in one run and writes the tables and the chart
below; it takes some twenty minutes, needs root, Linux and two cores that have nothing else to do.
\`npm run bench -- --quick\` takes a minute and a half and writes nothing, as does \`--overload\` (twice the clean rate); \`--profile\` shows where the time goes. \`--replication\` measures pairs, some twenty minutes.

${BENCH_MARKS.begin}
${BENCH_MARKS.end}

## With replication on

${REPLICATION_MARKS.begin}
${REPLICATION_MARKS.end}

## How it is measured

- One call: INVITE of 1.2 kB, 100, 180, 200, ACK, a tenth of a second, BYE, 200, by SIPp over UDP: 7 packets into the proxy, 7 out.
- A network namespace of its own, loopback. The proxy alone on one core, SIPp as caller and callee on the other. Receive
  buffers of 4 MB: where they are smaller every proxy looks worse than it is.
- Kamailio of Debian: stateful (tm), record-routing, dialog tracking, one UDP worker. *default* is Debian's debugging
  allocator (qm), *fm* the one for production (\`-x fm -X fm\`). Tandem: call table and call records on, log at \`info\`.
- *Processor time*: user and system time of the whole process tree, from /proc, over the calls of a window. Every proxy is
  started anew in each of three rounds, serves 30 s of a thousand calls each before (V8 compiles most of it by then), and the proxies take turns.
- *Highest clean rate*: steps of two and a half seconds; clean is when failed calls and messages sent again are below 0.1% of the calls.
- *On half a core*: a program that computes all the time has the other half, as of a proxy with a whole core the load can't begin twice the calls (SIPp,
  caller and callee on one core, is at its end at some 7,500 a second). *Offered twice that*: a proxy started anew gets twice the rate that is clean there for 8 seconds, from one
  tick to the next. Completed is a call whose BYE was answered within them; a call that is refused (503) or fails is not.
- *Answer delay*: INVITE sent to 200 received at the caller, SIPp's and the callee's own time included (the bare forwarder shows it).
- *Memory an open call*: growth of the proportional set size from 5,000 to 20,000 calls that are up, each taken 36 s after the last message,
  with nothing forced. *Work after the last message* is the processor time of those 36 s a call, idle time taken off.
- *With replication on*: Kamailio's dialogs go to a second Kamailio by DMQ (both with the allocator of production); Tandem's calls to Redis and a standby.
  The active is alone on its core as above; what stands beside it shares the load's core, and its processor time is taken from /proc in the same window.
  *Held* is a rate found by the search, or a share of it, that stayed clean for 60 s. Memory is the same slope, of each of the processes.
- *Longest pause*: perf_hooks' \`monitorEventLoopDelay\`, its own 10 ms taken off.
- SIPp begins calls in bursts, one a tick of the kernel (4 ms where that has 250 a second).
`;

/**
 * Puts the generated part into the document.
 * @throws Error when the marks are missing or the wrong way round: nobody's words are to be lost
 */
export function withGenerated(document: string, generated: string, marks: Marks): string {
  const begin = document.indexOf(marks.begin);
  const end = document.indexOf(marks.end);
  if (begin === -1 || end < begin)
    throw new Error(`the document lacks the marks ${marks.begin} and ${marks.end}`);
  return `${document.slice(0, begin + marks.begin.length)}\n\n${generated}\n\n${document.slice(end)}`;
}
