import { expect, jest, test } from '@jest/globals';
import { HealthMonitor } from '../src/health-monitor.js';

// The user guide's block on custom health checks, word for word but for its import. As text: it is JavaScript, and strict
// TypeScript would want a cast at `error.message`.
const block = `
const healthMonitor = new HealthMonitor();

// Add custom health check
healthMonitor.registerCheck({
  name: 'database',
  check: async () => {
    try {
      await db.ping();
      return { status: 'healthy', timestamp: new Date() };
    } catch (error) {
      return { 
        status: 'unhealthy', 
        timestamp: new Date(),
        error: error.message 
      };
    }
  }
});

healthMonitor.start();
`;

test.each([
  ['answers', { status: 'healthy' }],
  ['fails', { status: 'unhealthy', error: 'connection refused' }],
])('custom health check, the database %s', async (what, expected) => {
  const db = { ping: jest.fn(() => (what === 'answers' ? Promise.resolve() : Promise.reject(new Error('connection refused')))) };
  const run = new Function('HealthMonitor', 'db', `${block}\nreturn healthMonitor;`) as (monitor: typeof HealthMonitor, database: typeof db) => HealthMonitor;
  const healthMonitor = run(HealthMonitor, db);

  const { checks } = await healthMonitor.health();
  expect(checks['database']).toEqual({ ...expected, timestamp: expect.any(Date) });
  expect(db.ping).toHaveBeenCalledTimes(1);
  healthMonitor.stop();
});
