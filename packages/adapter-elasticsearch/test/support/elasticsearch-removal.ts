interface Leftovers {
  removeFrom(url: string, names: readonly string[]): Promise<void>;
}

/** tools/services: removes data streams, indices and the adapter's templates of these names. */
export const { removeFrom } = (await import(new URL('../../../../tools/services/elasticsearch-leftovers.mjs', import.meta.url).href)) as Leftovers;
