import { expect, test } from '@jest/globals';
import { FakeClock, MeshError, type Logger } from '@lemur-bookstores/mesh-interface';
import { ChangeNote } from '../src/change-note.js';
import { OutcomeLog } from '../src/outcome-log.js';

const FAILED = new MeshError('adapter_failed', 'no', { retryable: true });
const REFUSED = new MeshError('sink_refused', 'no', { retryable: false });
const note = new ChangeNote('orders', 'static');

function makeLog() {
  const clock = new FakeClock();
  const lines: string[] = [];
  const add = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const logger: Logger = { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') };
  return { clock, lines, log: new OutcomeLog(() => clock, () => logger) };
}

test('of many failures, and of many refusals, one of each in a minute is said; and that it answers again', async () => {
  const { clock, lines, log } = makeLog();
  const failing = ['warn PagerDuty cannot be told of an incident; it is tried again'];
  const refusing = ['info PagerDuty answers again', 'error PagerDuty does not take an incident'];
  for (let count = 0; count < 5; count++) log.say(FAILED, note, false);
  for (let count = 0; count < 5; count++) log.say(REFUSED, note, false);
  log.say(undefined, note, false);
  await clock.advance(59_999);
  log.say(FAILED, note, false);
  log.say(REFUSED, note, false);
  expect(lines).toEqual([...failing, ...refusing]);
  await clock.advance(1);
  log.say(FAILED, note, false);
  log.say(REFUSED, note, false);
  expect(lines).toEqual([...failing, ...refusing, ...failing, ...refusing]);
});

test('who closes tries nothing again: a failure then is not said to be', () => {
  const { lines, log } = makeLog();
  log.say(FAILED, note, true);
  log.say(undefined, note, true);
  expect(lines).toEqual([]);
  log.say(REFUSED, note, true);
  expect(lines).toEqual(['error PagerDuty does not take an incident']);
});
