import { expect, test } from '@jest/globals';
import { INJECTIONS } from './support/injections.js';
import { allOf, eventOf, fileAdapter, temporaryDirectory } from './support/support.js';

test('whatever a text holds, an event is one line of the log and comes back as it was', async () => {
  const adapter = fileAdapter(temporaryDirectory());
  const events = INJECTIONS.map((text) => eventOf({ targetServiceId: text.slice(0, 100), details: { action: text, success: false, error: text, metadata: { [text.slice(0, 1000)]: [text] } } }));
  await adapter.logEvents(events, { signal: new AbortController().signal });
  // Halves of surrogate pairs have no place in UTF-8, and JSON escapes them.
  expect(await allOf(adapter.query())).toEqual(events);
});
