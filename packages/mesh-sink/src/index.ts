export { jsonIn } from './answer-json.js';
export { BatchOutcomes } from './batch-outcomes.js';
export { checkConnection } from './connection-check.js';
export { Credential, credentialOf } from './credential.js';
export { endpointOf, isPlaintextElsewhere } from './endpoint.js';
export { HttpSink, type HttpSinkOptions, type SinkRequest } from './http-sink.js';
export { retryAfterMs } from './retry-after.js';
export { answerFailure, type SinkAnswer } from './sink-answer.js';
export { userAgentOf } from './user-agent.js';
