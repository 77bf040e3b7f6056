import assert from 'node:assert/strict';
import { MeshError } from '@lemur-bookstores/mesh-interface';
import type { AdapterCase } from '../case.js';
import { brief } from '../held.js';
import { HOSTILE_TEXTS } from '../hostile-texts.js';
import type { Probe } from '../probe.js';

const MIB = 1 << 20;

/** What a terminal acts on: controls, line separators, format characters (bidi among them), halves of pairs. Line ends are looked at apart. */
const RAW_CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** An event with the text everywhere where a peer, a handler or a user could have put it. */
const hostileEvent = (probe: Probe, text: string) =>
  probe.event(() => probe.samples.next({ action: text, error: text, metadata: { text, [text]: 'as a name' } }, { serviceId: text, targetServiceId: text }));

/** Events that somebody made up to harm the sink or its readers. */
export const HOSTILE_CASES: readonly AdapterCase[] = [
  {
    name: 'hostile-text',
    title: 'escape sequences, line ends, bidi controls and the like are data: one record for one event, and the text as it was',
    needs: ['events'],
    run: async (trial) => {
      const probe = await trial.open();
      const events = HOSTILE_TEXTS.map((text) => hostileEvent(probe, text));
      await probe.deliver(events);
      await probe.expectHeld(events);
    },
  },
  {
    name: 'no-raw-control',
    title: 'on a terminal no control character comes out raw, and every event is one line',
    needs: ['terminal'],
    run: async (trial) => {
      const probe = await trial.open();
      for (const text of HOSTILE_TEXTS) {
        const before = (await probe.subject.screen?.()) ?? '';
        await probe.log(hostileEvent(probe, text));
        await probe.flush();
        const line = ((await probe.subject.screen?.()) ?? '').slice(before.length);
        assert.ok(line.endsWith('\n'), `the line of an event with ${JSON.stringify(text)} does not end`);
        const control = RAW_CONTROL.exec(line.slice(0, -1))?.[0];
        assert.ok(control === undefined, `${JSON.stringify(control)} of an event with ${JSON.stringify(text)} comes out raw`);
      }
    },
  },
  {
    name: 'event-of-1-mib',
    title: 'an event of 1 MiB is taken, or refused for good',
    run: async (trial) => {
      const probe = await trial.open();
      const event = probe.event(() => probe.samples.next({ metadata: { text: 'ü'.repeat(MIB / 2) } }));
      const outcome = await probe.outcome('logEvent() with 1 MiB', () => probe.adapter.logEvent(event));
      if (outcome.state === 'fulfilled') await probe.expectHeld([event]);
      else assert.ok(MeshError.is(outcome.error) && !outcome.error.retryable, `should be a MeshError with retryable: false: ${brief(outcome.error)}`);
      const next = probe.events(2);
      await probe.deliver(next);
      await probe.expectContains(next);
    },
  },
];
