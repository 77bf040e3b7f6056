export { describeAdapter } from './describe-adapter.js';
export type { AdapterDescription, AdapterSubject, SinkFailure, TrialEnvironment } from './adapter-description.js';
export { SINK_FAILURES, type AdapterSupport, type SinkFailureKind } from './adapter-support.js';
export type { TestRunner } from './test-runner.js';
