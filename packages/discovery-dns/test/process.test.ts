import { spawn } from 'node:child_process';
import { afterEach, expect, test } from '@jest/globals';
import { FakeServer } from './support/fake-server.js';
import { a } from './support/messages.js';

const child = new URL('children/watches.mjs', import.meta.url).pathname;

let server: FakeServer | undefined;
afterEach(() => server?.close());

/** Runs the child to its end. */
function run(mode: string, port: number): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const process_ = spawn(process.execPath, [child, mode, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    process_.stdout.on('data', (text: Buffer) => (output += text.toString()));
    process_.once('close', (code) => resolve({ code, output: output.trim() }));
  });
}

test('a watch keeps no process alive, neither waiting for its time nor for an answer', async () => {
  server = await FakeServer.start({ udp: (reply) => reply({ answers: [a('orders.test', '10.0.0.1')] }) });
  expect(await run('watch', server.port)).toEqual({ code: 0, output: '10.0.0.1' });
  server.behaviour = {};
  expect(await run('watch-silent', server.port)).toEqual({ code: 0, output: 'asked' });
});

test('a process waits for what it asked, and for its failure', async () => {
  server = await FakeServer.start({ udp: (reply) => reply({ answers: [a('orders.test', '10.0.0.1')] }) });
  expect(await run('discover', server.port)).toEqual({ code: 0, output: '10.0.0.1' });
  server.behaviour = {};
  expect(await run('discover', server.port)).toEqual({ code: 0, output: 'discovery_failed' });
  expect(await run('watch-and-discover', server.port)).toEqual({ code: 0, output: 'discovery_failed' });
});
