export { ElasticsearchAdapter } from './elasticsearch-adapter.js';
export type {
  ElasticsearchAdapterOptions,
  ElasticsearchAuth,
  ElasticsearchClient,
  ElasticsearchTemplate,
  ElasticsearchTls,
} from './elasticsearch-adapter-options.js';
export type { AuditQuery } from '@lemur-bookstores/mesh-interface';
