/** Longer tags Datadog cuts. https://docs.datadoghq.com/getting_started/tagging/ */
const MAX_TAG_CHARACTERS = 200;
const PLAIN = /^[a-z][a-z0-9_\-:./]{0,198}[a-z0-9_\-./]$/;
const FOREIGN = /[^\p{L}\p{N}_\-:./]/gu;

/**
 * A tag as Datadog keeps it: lower case, letters, digits and `_-:./`, 200 characters at most, no colon at its end. What it would make of other texts is made of them
 * here, because a comma among logs' tags would make two tags of one.
 * @param key begins with a letter
 */
export function tagOf(key: string, value: string): string {
  const tag = `${key}:${value}`;
  if (PLAIN.test(tag)) return tag;
  const lower = tag.slice(0, 4 * MAX_TAG_CHARACTERS).toLowerCase().replace(FOREIGN, '_');
  // By code point: half of a pair would be no letter.
  return [...lower].slice(0, MAX_TAG_CHARACTERS).join('').replace(/:+$/, '');
}
