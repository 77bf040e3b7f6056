import { expect, test } from '@jest/globals';
import type { FileAdapterOptions } from '../src/file-adapter-options.js';

test("the guide's options fit", () => {
  const options: FileAdapterOptions = { rotation: 'daily', retention: 90 };
  expect(options.retention).toBe(90);
});
