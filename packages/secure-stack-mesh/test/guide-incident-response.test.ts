import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { AuditLogger, CryptoManager } from '../src/index.js';
import { guideBlock, runGuideBlock } from './support/guide.js';
import { RecordingAdapter } from './support/recording-adapter.js';
import { TestBed } from './support/test-bed.js';
import { until } from './support/until.js';

const bed = new TestBed();
afterEach(() => bed.close());
afterAll(() => bed.remove());

describe('Key Rotation Monitoring > Security Incident Response', () => {
  const block = guideBlock('Key Rotation Monitoring', 'Use Cases', 'Security Incident Response');

  test('by itself: the key of handshakes is another, and the event is logged', async () => {
    const cryptoManager = new CryptoManager({ serviceId: 'my-service', paths: bed.paths });
    const audit = new RecordingAdapter();
    const auditLogger = bed.closing(new AuditLogger({ serviceId: 'my-service', adapters: [audit] }));
    await cryptoManager.load();
    const before = cryptoManager.staticKeyId;
    await runGuideBlock(block, { names: { cryptoManager, auditLogger } });
    expect(cryptoManager.staticKeyId).not.toBe(before);
    await auditLogger.flush();
    expect(audit.having('key.rotated')).toEqual([
      expect.objectContaining({
        eventType: 'key_rotation',
        serviceId: 'my-service',
        details: expect.objectContaining({ success: true, metadata: expect.objectContaining({ keyType: 'static', previousKeyId: before, keyId: cryptoManager.staticKeyId }) }),
      }),
    ]);
    cryptoManager.close();
  });

  test('with mesh.crypto and mesh.audit: the live sessions of that mesh have new keys at both ends, and go on serving', async () => {
    const service = bed.mesh({ serviceId: 'my-service' });
    service.mesh.handle('echo', (input) => input);
    await service.mesh.initialize();
    const others = [await bed.running({ serviceId: 'orders' }), await bed.running({ serviceId: 'reports' })];
    for (const { mesh } of others) mesh.handle('echo', (input) => input);
    const calls = [...others.map(({ mesh }) => mesh.connect('my-service')), ...['orders', 'reports'].map((id) => service.mesh.connect(id))];
    const echoes = (input: number): Promise<unknown[]> => Promise.all(calls.map((client) => client.call('echo', input)));
    expect(await echoes(1)).toEqual([1, 1, 1, 1]);

    await runGuideBlock(block, { names: { cryptoManager: service.mesh.crypto, auditLogger: service.mesh.audit } });
    expect(await echoes(2)).toEqual([2, 2, 2, 2]);
    const rotations = ({ audit }: { audit: RecordingAdapter }, keyType: string) =>
      audit.having('key.rotated').map(({ details }) => details.metadata as { keyType: string; keyId: string; previousKeyId: string; sessionsRekeyed: number }).filter((metadata) => metadata.keyType === keyType);
    expect(rotations(service, 'static')).toMatchObject([{ keyId: service.mesh.crypto.staticKeyId, sessionsRekeyed: 4 }]);
    const changes = (metadata: readonly { keyId: string; previousKeyId: string }[]): string[] => metadata.map(({ keyId, previousKeyId }) => `${previousKeyId} -> ${keyId}`).sort();
    await until('the others have it, too', () => others.flatMap((other) => rotations(other, 'session')).length === 4);
    expect(changes(rotations(service, 'session'))).toEqual(changes(others.flatMap((other) => rotations(other, 'session'))));
    expect([service.mesh.metrics().rekeys, service.mesh.getStats().metrics.messagesFailed]).toEqual([4, 0]);
  });
});
