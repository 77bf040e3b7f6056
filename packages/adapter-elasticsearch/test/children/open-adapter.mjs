// Logs some events, leaves the adapter open, and has nothing more to do.
import { ElasticsearchAdapter } from '../../dist/index.js';

const adapter = new ElasticsearchAdapter({ node: process.argv[2], index: 'mesh-child' });
const event = (sequence) => ({ id: `019aa9c2-1f7e-7c3a-8f55-00000000000${sequence}`, sequence, timestamp: new Date(), eventType: 'system', serviceId: 'child', details: { action: 'system.start', success: true } });
await adapter.logEvents([event(1), event(2)], { signal: new AbortController().signal });
for await (const { sequence } of adapter.query({ limit: 1 })) console.log(`read ${sequence}`);
console.log('done');
