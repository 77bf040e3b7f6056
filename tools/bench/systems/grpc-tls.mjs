// grpc-js with certificates on both sides. The message is the bytes themselves, so no protobuf runtime is in the way.
import { credentials, makeGenericClientConstructor, Server, ServerCredentials } from '@grpc/grpc-js';
import { tlsOptions } from '../certificates.mjs';

const asIs = (buffer) => buffer;
const method = (name) => ({ path: `/bench.Echo/${name}`, requestStream: false, responseStream: false, requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs });
const ECHO = { Json: method('Json'), Bytes: method('Bytes') };
const EchoClient = makeGenericClientConstructor(ECHO, 'Echo');

const encode = (value) => Buffer.from(JSON.stringify(value));
const decode = (buffer) => JSON.parse(buffer.toString());

export async function startServer({ certificates }) {
  const { ca, key, cert } = tlsOptions(certificates, 'server');
  const server = new Server();
  server.addService(ECHO, {
    Json: (call, reply) => reply(null, encode(decode(call.request))),
    Bytes: (call, reply) => reply(null, call.request),
  });
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(ca, [{ private_key: key, cert_chain: cert }], true), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { target: { port, certificates }, stop: () => server.forceShutdown() };
}

let channelCredentials;

export async function connect({ port, certificates }) {
  if (channelCredentials === undefined) {
    const { ca, key, cert } = tlsOptions(certificates, 'client');
    channelCredentials = credentials.createSsl(ca, key, cert);
  }
  // Clients share connections by default; here each has its own.
  const client = new EchoClient(`127.0.0.1:${port}`, channelCredentials, { 'grpc.use_local_subchannel_pool': 1, 'grpc.ssl_target_name_override': 'localhost' });
  const call = (name, message) =>
    new Promise((resolve, reject) => {
      client[name](message, (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  return {
    json: async (value) => decode(await call('Json', encode(value))),
    bytes: (value) => call('Bytes', value),
    close: () => client.close(),
  };
}
