// Makes many key pairs under a small young generation, so that collections fall into the middle of key generation. See key-pair-deadlock.test.ts.
import { nodePrimitives } from '../../dist/index.js';

for (let count = 0; count < 40_000; count++) nodePrimitives.generateKeyPair();
