import { MeshError } from '@lemur-bookstores/mesh-interface';

/** What a node is doing. `draining`: the calls that came in are ending, and may still call on; `stopping`: so are those that went out. */
export type MeshNodeState = 'new' | 'starting' | 'running' | 'draining' | 'stopping' | 'stopped';

/** @throws MeshError `mesh_closed` where `stop()` was called meanwhile */
export function assertStarting(state: MeshNodeState): void {
  if (state !== 'starting') throw new MeshError('mesh_closed', 'the mesh was closed while it started');
}

/** @throws MeshError with `mayHaveRun: false` where a node in this state takes no calls */
export function assertTakesCalls(state: MeshNodeState): void {
  switch (state) {
    case 'running':
    case 'draining':
      return;
    case 'new':
    case 'starting':
      throw new MeshError('not_initialized', 'call initialize() first', { mayHaveRun: false });
    case 'stopping':
    case 'stopped':
      throw new MeshError('mesh_closed', 'the mesh was closed', { mayHaveRun: false });
  }
}
