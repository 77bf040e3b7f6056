// Takes out of an Elasticsearch what tests have made there: a server of the user's own outlives them.

/**
 * Removes the data streams and indices of these names, the indices behind those that are aliases, and the index templates that the adapter has put for them. What is not there is
 * no error. The distribution that tests start cannot remove data streams; it goes as a whole.
 * @param {string} url @param {readonly string[]} names without wildcards
 */
export async function removeFrom(url, names) {
  for (const name of names) {
    if (/[*?,]/.test(name)) throw new Error(`${name} names more than one: nothing of it is removed`);
    // The indices behind it go with it.
    const isStream = (await asked(url, 'DELETE', `_data_stream/${name}`)) !== undefined;
    const indices = isStream ? [] : Object.keys((await asked(url, 'GET', `${name}/_settings/index.uuid`)) ?? {});
    for (const index of indices) await asked(url, 'DELETE', index);
    await asked(url, 'DELETE', `_index_template/secure-stack-mesh-${name}`);
  }
}

/** @returns the answer; `undefined` where it is no success */
async function asked(url, method, path) {
  const response = await fetch(`${url}/${path}`, { method });
  const text = await response.text();
  return response.ok ? JSON.parse(text) : undefined;
}
