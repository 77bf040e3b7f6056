// `filter_path` of Elasticsearch: which parts of an answer are sent. `*` is a part of one name, `**` any number of names, a leading `-` leaves out.

/** @param {string | null} text @returns {(answer: unknown) => unknown} */
export function filterPath(text) {
  if (text === null || text === '') return (answer) => answer;
  const paths = text.split(',').map((path) => path.trim());
  const includes = paths.filter((path) => !path.startsWith('-')).map(namesOf);
  const excludes = paths.filter((path) => path.startsWith('-')).map((path) => namesOf(path.slice(1)));
  return (answer) => {
    const kept = includes.length === 0 ? answer : include(answer, includes);
    return (excludes.length === 0 ? kept : exclude(kept, excludes)) ?? {};
  };
}

const namesOf = (path) => path.split('.').map((name) => (name.includes('*') && name !== '**' ? new RegExp(`^${name.split('*').join('.*')}$`) : name));

/** What is left of the paths below `name`; an empty path is all of it. */
function below(paths, name) {
  const rest = [];
  for (const path of paths) {
    const [first] = path;
    if (first === '**') {
      rest.push(path);
      for (const after of below([path.slice(1)], name)) rest.push(after);
    } else if (first === name || (typeof first === 'object' && first.test(name))) rest.push(path.slice(1));
  }
  return rest;
}

function include(value, paths) {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) {
    const kept = value.map((one) => include(one, paths)).filter((one) => one !== undefined);
    return kept.length > 0 ? kept : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  let result;
  for (const name in value) {
    const rest = below(paths, name);
    const kept = rest.length === 0 ? undefined : include(value[name], rest);
    if (kept !== undefined) (result ??= {})[name] = kept;
  }
  return result;
}

function exclude(value, paths) {
  if (Array.isArray(value)) return value.map((one) => exclude(one, paths));
  if (typeof value !== 'object' || value === null) return value;
  const result = {};
  for (const name in value) {
    const rest = below(paths, name);
    if (!rest.some((path) => path.length === 0)) result[name] = rest.length === 0 ? value[name] : exclude(value[name], rest);
  }
  return result;
}
