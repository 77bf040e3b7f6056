// Inside a package imports go one way: no two files, and no two folders of src, need each other.
import { targetOf } from './workspace.mjs';

/** The folder of src a file lives in. A file directly in src is a storey of its own. */
const storeyOf = (path) => path.split('/').slice(0, 2).join('/');

/** One cycle of each knot of the graph, as the list of its nodes; depth first, each node once. */
export function findCycles(graph) {
  const cycles = [];
  const done = new Set();
  const visit = (node, trail) => {
    const seenAt = trail.indexOf(node);
    if (seenAt >= 0) {
      cycles.push([...trail.slice(seenAt), node]);
      return;
    }
    if (done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...trail, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return cycles;
}

function addEdge(graph, from, to) {
  const edges = graph.get(from) ?? new Set();
  graph.set(from, edges.add(to));
}

export function importCycles({ packages }) {
  const problems = [];
  for (const { folder, src } of packages) {
    const files = new Map();
    const storeys = new Map();
    for (const source of src) {
      for (const specifier of source.imports) {
        const target = targetOf(source, specifier);
        if (target === undefined) continue;
        addEdge(files, source.path, target);
        if (storeyOf(source.path) !== storeyOf(target)) addEdge(storeys, storeyOf(source.path), storeyOf(target));
      }
    }
    const between = findCycles(files);
    // A cycle of files over two folders is a cycle of the folders as well: named once, by its files.
    const found = between.length > 0 ? between : findCycles(storeys);
    for (const cycle of found) problems.push(`${folder}: import cycle ${cycle.join(' -> ')}`);
  }
  return problems;
}
