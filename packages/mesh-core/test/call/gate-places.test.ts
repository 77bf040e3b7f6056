import { expect, test } from '@jest/globals';
import { FakeClock, MeshError, type StandardSchema } from '@lemur-bookstores/mesh-interface';
import fc from 'fast-check';
import type { MeshClient } from '../../src/call/mesh-client.js';
import { HoldingAudit } from '../support/holding-audit.js';
import { TestMesh } from '../support/nodes.js';
import { TestGate } from '../support/test-gate.js';
import { turns } from '../support/wire.js';

const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('call' as const), method: fc.constantFrom('run', 'now', 'throw', 'checked', 'again'), ms: fc.constantFrom(50, 10_000) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('end a handler' as const, 'cancel' as const, 'hold' as const, 'refuse' as const), which: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('time' as const, 'cut' as const), which: fc.nat(20) }) },
);

test('property: whatever happens to calls, handlers, trail and connections, each place comes back exactly once, and nobody stays in the line', async () => {
  let waited = 0;
  let ran = 0;
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.boolean(), fc.array(operation, { minLength: 5, maxLength: 40 }), async (failClosed, intercepted, operations) => {
      const clock = new FakeClock();
      const mesh = new TestMesh({ clock, limits: { drainMs: 100 } });
      const gate = new TestGate();
      gate.places = 2;
      const audit = new HoldingAudit(failClosed ? ['message'] : [], failClosed ? ['message.accepted'] : []);
      const running: (() => void)[] = [];
      const wait = (): Promise<void> => new Promise((resolve) => running.push(resolve));
      const slow: StandardSchema = { '~standard': { version: 1, vendor: 'test', validate: async (value) => (await wait(), value === 7 ? { value } : { issues: [{ message: 'not 7' }] }) } };
      const server = await mesh.started('server', { gate, audit }, (node) => {
        node.handle('run', () => (ran++, wait()));
        node.handle('now', () => ran++);
        node.handle('throw', () => { throw new MeshError('no', 'no'); });
        node.handle('checked', { input: slow }, () => ran++);
        node.handle('again', () => (ran++, wait()));
      });
      // Answers before the handler ends, or lets it run twice.
      if (intercepted) server.use(async (call, next) => (call.method === 'again' ? (void next(call).catch(() => {}), next(call)) : call.method === 'now' ? next(call) : Promise.race([next(call), wait()])));
      const clients: MeshClient[] = [];
      let node = await mesh.started('client');
      clients.push(node.connect('server'));
      await turns(20);
      const aborts: AbortController[] = [];
      for (const step of operations) {
        if (step.do === 'call') {
          const abort = new AbortController();
          aborts.push(abort);
          void clients.at(-1)!.call(step.method, aborts.length % 3 === 0 ? 7 : 1, { timeoutMs: step.ms, signal: abort.signal }).catch(() => undefined);
        } else if (step.do === 'end a handler') running.splice(step.which % Math.max(1, running.length), 1)[0]?.();
        else if (step.do === 'cancel') aborts[step.which % Math.max(1, aborts.length)]?.abort();
        else if (step.do === 'time') await clock.advance(60);
        else if (step.do === 'cut') {
          const stopped = node.stop();
          await turns(5);
          await clock.advance(200);
          await stopped;
          node = await mesh.started('client');
          clients.push(node.connect('server'));
          await turns(20);
        } else if (audit.waiting.length > 0) await (step.do === 'hold' ? audit.hold('message.accepted') : audit.refuse('message.accepted'));
        await turns(3);
        waited += gate.line.length;
        if (gate.inside < 0 || gate.inside > gate.places) throw new Error(`${gate.inside} places are taken`);
      }
      await clock.advance(20_000);
      for (let i = 0; i < 200 && (running.length > 0 || audit.waiting.length > 0 || gate.inside > 0); i++) {
        for (const end of running.splice(0)) end();
        if (audit.waiting.length > 0) await audit.hold('message.accepted');
        await turns();
      }
      const left = [gate.inside, gate.line.length];
      const stopped = mesh.stop();
      await turns(10);
      await clock.advance(60_000);
      await stopped;
      expect(left).toEqual([0, 0]);
    }),
    { numRuns: 60 },
  );
  expect(waited).toBeGreaterThan(50);
  expect(ran).toBeGreaterThan(50);
});
