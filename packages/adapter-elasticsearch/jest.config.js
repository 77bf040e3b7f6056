import preset from '../../jest.preset.js';

export default {
  ...preset,
  // One real Elasticsearch for the run, instead of one for each suite.
  globalSetup: '<rootDir>/test/support/start-shared-elasticsearch.mjs',
  globalTeardown: '<rootDir>/test/support/stop-shared-elasticsearch.mjs',
};
