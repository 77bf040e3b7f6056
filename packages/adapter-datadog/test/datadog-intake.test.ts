import { createServer } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { systemClock } from '@lemur-bookstores/mesh-interface';
import { Credential, HttpSink } from '@lemur-bookstores/mesh-sink';
import { DatadogIntake, type Piece } from '../src/datadog-intake.js';
import { atEnd } from './support/setting.js';

/** An intake, and the bodies that came to it. */
async function intakeWith(maxBytes: number, maxPieces: number): Promise<{ intake: DatadogIntake; bodies: string[] }> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => void chunks.push(chunk)).on('end', () => {
      bodies.push(gunzipSync(Buffer.concat(chunks)).toString());
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sink = new HttpSink({ noun: 'Datadog', userAgent: 'test', clock: () => systemClock });
  atEnd(() => server.close());
  atEnd(() => sink.close());
  const url = new URL(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
  return { bodies, intake: new DatadogIntake({ sink, url, apiKey: new Credential('key'), clock: () => systemClock, open: '[', close: ']', maxBytes, maxPieces }) };
}

function pieceOf(value: unknown): Piece {
  const json = JSON.stringify(value);
  return { json, bytes: Buffer.byteLength(json), taken: () => undefined };
}

test('nothing is sent of nothing', async () => {
  const { intake, bodies } = await intakeWith(1_000, 10);
  await intake.post([]);
  expect(bodies).toEqual([]);
});

test.each([
  ['just fits', 100, [99]],
  ['would fill it to the last byte', 99, [50, 50]],
])('what %s: brackets and commas count', async (_what, maxBytes, sizes) => {
  // Two of 48 bytes, a comma, two brackets: 99.
  const { intake, bodies } = await intakeWith(maxBytes, 10);
  await intake.post([pieceOf('x'.repeat(46)), pieceOf('y'.repeat(46))]);
  expect(bodies.map((body) => Buffer.byteLength(body))).toEqual(sizes);
});

test('as many pieces as may be, and no more', async () => {
  const { intake, bodies } = await intakeWith(1_000, 3);
  await intake.post(Array.from({ length: 7 }, (_, index) => pieceOf(index)));
  expect(bodies).toEqual(['[0,1,2]', '[3,4,5]', '[6]']);
});

test('bytes count, not characters; what is too long alone goes alone; all arrives, in order', async () => {
  const { intake, bodies } = await intakeWith(200, 100);
  const values = Array.from({ length: 300 }, (_, index) => `${index}${['ü', '注', '😀', 'x'][index % 4]!.repeat(index % 23)}${index === 150 ? '😀'.repeat(90) : ''}`);
  await intake.post(values.map(pieceOf));
  expect(bodies.flatMap((body) => JSON.parse(body) as string[])).toEqual(values);
  expect(bodies.filter((body) => Buffer.byteLength(body) > 200).map((body) => (JSON.parse(body) as string[]).length)).toEqual([1]);
});
