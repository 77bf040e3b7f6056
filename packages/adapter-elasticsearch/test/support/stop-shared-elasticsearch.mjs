export { teardown as default } from './shared-elasticsearch.mjs';
