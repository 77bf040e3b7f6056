// Medians over the rounds, the tables, and how far each target of the benchmark is met.
const median = (values) => {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Where each figure is found in a round's result. */
const FIGURES = {
  p50: (round) => round.latency?.p50,
  p99: (round) => round.latency?.p99,
  json64x1: (round) => round.json64x1?.perSecond,
  json1024x1: (round) => round.json1024x1?.perSecond,
  json64x64: (round) => round.json64x64?.perSecond,
  json1024x64: (round) => round.json1024x64?.perSecond,
  clientUs: (round) => round.json64x64?.clientUs,
  serverUs: (round) => round.json64x64?.serverUs,
  bytes64k: (round) => round.bytes64k?.mbPerSecond,
  bytes1m: (round) => round.bytes1m?.mbPerSecond,
  connectMs: (round) => round.connect?.medianMs,
  othersCores: (round) => round.othersCores,
};

/** @param rounds results of one system */
export function summarize(rounds) {
  return Object.fromEntries(Object.entries(FIGURES).map(([name, of]) => [name, median(rounds.map(of))]));
}

const digits = (value) => {
  if (value === undefined) return '–';
  if (value >= 100_000) return `${(value / 1000).toFixed(0)} k`;
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} k`;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
};

function table(header, rows) {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const format = (line) => `| ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [format(header), rule, ...rows.map(format)].join('\n');
}

/** @param {Map<string, Record<string, number | undefined>>} systems medians by system */
export function renderTables(systems) {
  const reference = systems.get('tcp:tls');
  const ratio = (value, name) => (value === undefined || reference?.[name] === undefined ? '–' : (value / reference[name]).toFixed(2));
  const calls = [...systems].map(([system, figures]) => [
    system,
    ...['p50', 'p99', 'json64x1', 'json1024x1'].map((name) => digits(figures[name])),
    ...['json64x64', 'json1024x64'].flatMap((name) => [digits(figures[name]), ratio(figures[name], name)]),
    `${digits(figures.clientUs)} + ${digits(figures.serverUs)}`,
    digits(figures.connectMs),
    ratio(figures.connectMs, 'connectMs'),
  ]);
  const bulk = [...systems].map(([system, figures]) => [system, ...['bytes64k', 'bytes1m'].flatMap((name) => [digits(figures[name]), ratio(figures[name], name)])]);
  return [
    table(['system', 'p50 µs', 'p99 µs', '64 B ×1 /s', '1 KiB ×1 /s', '64 B ×64 /s', 'ratio', '1 KiB ×64 /s', 'ratio', 'CPU µs/call client + server', 'connect + call ms', 'ratio'], calls),
    table(['system', '64 KiB echo MB/s', 'ratio', '1 MiB echo MB/s', 'ratio'], bulk),
  ].join('\n\n');
}

/** [what, figure, the system it is divided by, aim, whether more is better]; without a system the figure itself counts, in KiB */
const TARGETS = [
  ['64 B ×64 against raw TLS', 'json64x64', 'tcp:tls', 0.75, true],
  ['64 B ×64 against grpc-js', 'json64x64', 'grpc:tls', 15, true],
  ['1 KiB ×64 against raw TLS', 'json1024x64', 'tcp:tls', 0.8, true],
  ['64 KiB echo against raw TLS', 'bytes64k', 'tcp:tls', 0.9, true],
  ['1 MiB echo against raw TLS', 'bytes1m', 'tcp:tls', 0.7, true],
  ['p50 against ws over TLS', 'p50', 'ws:tls', 1.6, false],
  ['connect + first call against raw TLS', 'connectMs', 'tcp:tls', 1, false],
  ['memory of an idle session', 'idleSessionKib', undefined, 32, false],
];

/** [what, figure, system, the one it is divided by, aim, whether more is better] */
const AUDIT_TARGETS = [
  ["64 B ×64, every call in the server's file, against a null adapter", 'json64x64', 'mesh:file', 'mesh:null', 0.45, true],
  ["64 B ×64, every call in both ends' files, against a null adapter", 'json64x64', 'mesh:files', 'mesh:null', 0.35, true],
  ['p99 with a sink that hangs, against no adapter', 'p99', 'mesh:hang', 'mesh', 2, false],
  ['p99 with a sink that throws, against no adapter', 'p99', 'mesh:throw', 'mesh', 2, false],
  ['p99 with a sink that takes 1 event/s, against no adapter', 'p99', 'mesh:slow', 'mesh', 2, false],
];

/** How the mesh with a null adapter stands to what it aims for; only what this run can tell. */
export function compareWithTargets(systems, system = 'mesh:null') {
  const own = systems.get(system) ?? {};
  const found = [];
  for (const [what, figure, reference, aim, moreIsBetter] of TARGETS) {
    const divisor = reference === undefined ? 1 : systems.get(reference)?.[figure];
    if (own[figure] === undefined || divisor === undefined) continue;
    const measured = own[figure] / divisor;
    const met = moreIsBetter ? measured >= aim : measured <= aim;
    found.push({ what, measured, aim, unit: reference === undefined ? ' KiB' : 'x', moreIsBetter, met, shortBy: met ? 0 : Math.abs(measured / aim - 1) });
  }
  for (const [what, figure, audited, reference, aim, moreIsBetter] of AUDIT_TARGETS) {
    const measured = systems.get(audited)?.[figure] / systems.get(reference)?.[figure];
    if (Number.isNaN(measured)) continue;
    const met = moreIsBetter ? measured >= aim : measured <= aim;
    found.push({ what, measured, aim, unit: 'x', moreIsBetter, met, shortBy: met ? 0 : Math.abs(measured / aim - 1) });
  }
  return found;
}

export function renderTargets(targets) {
  return targets
    .map(({ what, measured, aim, unit, moreIsBetter, met, shortBy }) => {
      const verdict = met ? 'met' : `missed by ${(shortBy * 100).toFixed(0)} %`;
      return `${met ? 'ok  ' : 'MISS'}  ${what}: ${measured.toFixed(2)}${unit}, aim ${moreIsBetter ? '>=' : '<='} ${aim}${unit}: ${verdict}`;
    })
    .join('\n');
}
