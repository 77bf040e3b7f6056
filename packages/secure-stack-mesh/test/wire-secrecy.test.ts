import { afterAll, afterEach, expect, test } from '@jest/globals';
import { TcpProxy } from './support/tcp-proxy.js';
import { TestBed } from './support/test-bed.js';
import { HeadReader } from './support/websocket-frames.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

const METHOD = 'transferMoneySecretly';
const PAYLOAD = 'four-thousand-pounds-to-mr-bulstrode';
const ANSWER = 'the-receipt-for-mr-bulstrode';
const FAILURE = 'raffles-knows-too-much';
const BYTES = Buffer.from('raw-bytes-of-a-picture-of-will-ladislaw');
const METADATA = 'metadata-for-dorothea';
const SECRETS = [METHOD, PAYLOAD, ANSWER, FAILURE, BYTES.toString(), METADATA];

/** A text as it could lie in a stream: as it is, in hex, and in base64 at each of its three alignments. */
function forms(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const aligned = [0, 1, 2].map((skip) => bytes.subarray(skip, skip + Math.floor((bytes.length - skip) / 3) * 3).toString('base64'));
  const hex = bytes.toString('hex');
  return [bytes, Buffer.from(text, 'utf16le'), ...[hex, hex.toUpperCase(), ...aligned, ...aligned.map((one) => one.replaceAll('+', '-').replaceAll('/', '_'))].map((one) => Buffer.from(one))];
}

/** The frames' mask is of zeros (docs/adr/0005): nothing but the encryption could hide it. */
const contains = (wire: Buffer, secret: string): boolean => forms(secret).some((form) => wire.includes(form));

test('the search finds what is there', () => {
  const hidden = [PAYLOAD, Buffer.from(`x${PAYLOAD}`).toString('base64'), Buffer.from(`xy${PAYLOAD}`).toString('base64'), Buffer.from(PAYLOAD).toString('hex')];
  for (const text of hidden) expect(contains(Buffer.from(`....${text}....`), PAYLOAD)).toBe(true);
  expect(contains(Buffer.from('....'), PAYLOAD)).toBe(false);
});

test.each(['aesgcm', 'chachapoly'] as const)('no byte on the wire gives away a payload, a method or metadata (%s)', async (suite) => {
  const payments = await bed.running({ serviceId: 'payments' });
  payments.mesh.handle(METHOD, async () => {
    await Promise.resolve();
    return { receipt: ANSWER.repeat(3) };
  });
  payments.mesh.handle('echo', (input) => input);
  payments.mesh.handle('fail', () => {
    throw new Error(FAILURE);
  });
  const proxy = bed.closing(await TcpProxy.to(payments.port));
  const orders = await bed.running({ serviceId: 'orders', security: { suite }, discovery: { services: [{ id: 'payments', host: '127.0.0.1', port: proxy.port }] } });
  const client = orders.mesh.connect('payments');

  for (let i = 0; i < 5; i++) expect(await client.call(METHOD, { note: PAYLOAD }, { metadata: { for: METADATA } })).toEqual({ receipt: ANSWER.repeat(3) });
  expect(await client.call('echo', BYTES)).toEqual(BYTES);
  const large = `${PAYLOAD} `.repeat(20_000);
  expect(await client.call('echo', large)).toBe(large);
  await expect(client.call('fail', { note: PAYLOAD })).rejects.toMatchObject({ reason: 'handler_failed' });
  await orders.mesh.cleanup();

  expect(proxy.recorded).toHaveLength(1);
  const [{ toServer, toClient }] = proxy.recorded.map((recorded) => ({ toServer: Buffer.concat(recorded.toServer), toClient: Buffer.concat(recorded.toClient) })) as [{ toServer: Buffer; toClient: Buffer }];
  expect(toServer.length).toBeGreaterThan(large.length);
  for (const wire of [toServer, toClient]) for (const secret of SECRETS) expect({ secret, found: contains(wire, secret) }).toEqual({ secret, found: false });

  // What it begins with is all that may be read: an upgrade to our subprotocol, without compression.
  const request = new HeadReader().push(toServer).head?.toString() ?? '';
  const response = new HeadReader().push(toClient).head?.toString() ?? '';
  expect(request).toMatch(/^GET \/ HTTP\/1\.1\r\n/);
  expect(request).toMatch(/^upgrade: websocket\r$/im);
  expect(request).toMatch(/^sec-websocket-protocol: secure-stack-mesh\.v1\r$/im);
  expect(response).toMatch(/^HTTP\/1\.1 101 /);
  expect(response).toMatch(/^sec-websocket-protocol: secure-stack-mesh\.v1\r$/im);
  for (const head of [request, response]) {
    expect(head).not.toMatch(/sec-websocket-extensions|permessage-deflate/i);
    expect(head).not.toMatch(/orders|payments|local-/);
  }
  // The first message tells version and suite (PROTOCOL 1.1), and the dialler's certificate is never readable.
  const firstFrame = toServer.subarray(request.length);
  expect([...firstFrame.subarray(6, 8)]).toEqual([1, suite === 'aesgcm' ? 1 : 2]);
  expect(contains(toServer, '/orders')).toBe(false);
});
