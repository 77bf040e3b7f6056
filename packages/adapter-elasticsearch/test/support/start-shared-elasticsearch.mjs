export { setup as default } from './shared-elasticsearch.mjs';
