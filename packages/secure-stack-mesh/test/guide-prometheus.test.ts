import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { MetricsAdapter } from '@lemur-bookstores/adapter-prometheus';
import * as promClient from 'prom-client';
import { SecureMesh } from '../src/secure-mesh.js';
import { ExpressStandIn, guideBlock, runGuideBlock } from './support/guide.js';
import { TestBed } from './support/test-bed.js';

const bed = new TestBed();
beforeAll(() => {
  process.env['MESH_KEYS_DIR'] = bed.paths.keysDir;
  process.env['MESH_RUNTIME_DIR'] = bed.paths.runtimeDir;
});
afterEach(async () => {
  await bed.close();
  expect(promClient.register.getMetricsAsArray()).toEqual([]);
});
afterAll(() => bed.remove());

/** A mesh that has made one call to `user-service`, which knows the method. */
async function call(mesh: SecureMesh): Promise<void> {
  const users = await bed.running({ serviceId: 'user-service' });
  users.mesh.handle('getUser', () => ({ id: 1 }));
  await mesh.connect('user-service').call('getUser', {});
}

const CALL = /^mesh_calls_ended_total\{service="(.+)",direction="outbound",peer="user-service",rpc_method="getUser",rpc_status_code="OK"\} 1$/m;

test('Audit Logging > Use Cases > Performance Monitoring: as it stands; its mesh is in the default registry until it is closed', async () => {
  const { apiGateway } = (await runGuideBlock(guideBlock('Audit Logging', 'Use Cases', 'Performance Monitoring'), { names: { SecureMesh, MetricsAdapter }, wanted: ['apiGateway'] })) as { apiGateway: SecureMesh };
  bed.closing(apiGateway);
  await apiGateway.initialize();
  expect(apiGateway.audit.enabled).toBe(false);
  await call(apiGateway);
  expect(CALL.exec(await promClient.register.metrics())?.[1]).toBe('api-gateway');
  await apiGateway.cleanup();
  expect(await promClient.register.metrics()).not.toContain('mesh_');
});

test('Metrics Collection > Prometheus Integration: with the two differences that docs/guide-differences.md has, the route answers with the mesh\'s metrics', async () => {
  const block = guideBlock('Metrics Collection', 'Use Cases', 'Prometheus Integration')
    .replace("app.get('/metrics', (req, res)", "app.get('/metrics', async (req, res)")
    .replace('res.end(register.metrics())', 'res.end(await register.metrics())')
    .replace('port: 50051\n', "port: 50051,\n  monitoring: { adapters: [new MetricsAdapter({ interval: 60000, destination: 'prometheus' })] }\n");
  const app = new ExpressStandIn();
  const { mesh } = (await runGuideBlock(block, { modules: { express: () => app, 'prom-client': promClient }, names: { SecureMesh, MetricsAdapter }, wanted: ['mesh'] })) as { mesh: SecureMesh };
  bed.closing(mesh);
  await mesh.initialize();
  await call(mesh);
  const { headers, body } = await app.request('/metrics');
  expect(headers).toEqual({ 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
  expect(CALL.exec(body as string)?.[1]).toBe('my-service');
});
