import { afterEach, expect, test } from '@jest/globals';
import { TestMesh } from './support/nodes.js';

let mesh: TestMesh;
afterEach(() => mesh.stop());

test('a call gets its answer', async () => {
  mesh = new TestMesh();
  await mesh.started('server', {}, (node) => node.handle('add', ({ a, b }: { a: number; b: number }) => a + b));
  const client = await mesh.started('client');
  await expect(client.connect('server').call('add', { a: 1, b: 2 })).resolves.toBe(3);
});
