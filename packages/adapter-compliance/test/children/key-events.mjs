// Records keys until it is killed: a line of stdout for each that is acknowledged. argv: directory, keys directory, first number.
import { ComplianceAdapter } from '@lemur-bookstores/adapter-compliance';

const [directory, signWith, first] = process.argv.slice(2);
const adapter = new ComplianceAdapter({ standard: 'PCI-DSS', requirement: '3.6.4', directory, signWith, heartbeatMs: 1000 });
const policy = { intervalMs: 3_600_000, rejectAfterMs: 7_200_000, source: 'option' };
const event = (number) => {
  const now = new Date();
  const retired = { activatedAt: new Date(now - 60_000).toISOString(), ageMs: 60_000, records: number, bytes: number, destroyed: true };
  const metadata = { keyType: 'session', algorithm: 'AES-256-GCM', keyId: `key-${number}`, previousKeyId: `key-${number - 1}`, trigger: 'interval', policy, retired };
  return { id: `event-${number}`, sequence: number, timestamp: now, eventType: 'key_rotation', serviceId: 'order-service', details: { action: 'key.rotated', success: true, metadata } };
};
let number = Number(first);
const loop = async () => {
  for (;;) {
    const mine = number++;
    await adapter.logEvent(event(mine));
    process.stdout.write(`${mine}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, loop));
