// The service that the manifests run. Everything that differs between a machine and a cluster is in the environment.
import { createServer } from 'node:http';
import { MetricsAdapter } from '@lemur-bookstores/adapter-prometheus';
import { DnsDiscovery } from '@lemur-bookstores/discovery-dns';
import { probes, SecureMesh } from '@lemur-bookstores/secure-stack-mesh';
import { register } from 'prom-client';

const { MESH_PORT = '50051', HTTP_PORT = '8080', MESH_CERTS_DIR, MESH_DNS_DOMAIN, POD_IP } = process.env;

const mesh = new SecureMesh({
  serviceId: 'orders',
  port: Number(MESH_PORT),
  ...(POD_IP === undefined ? {} : { advertise: { host: POD_IP } }),
  // Without files: the local trust domain, for a first look on a machine of your own. Production refuses it.
  ...(MESH_CERTS_DIR === undefined ? {} : { identity: { certFile: `${MESH_CERTS_DIR}/tls.crt`, keyFile: `${MESH_CERTS_DIR}/tls.key`, caFile: `${MESH_CERTS_DIR}/ca.crt` } }),
  // Each service has a headless Service of its own name, with a port named `mesh`.
  ...(MESH_DNS_DOMAIN === undefined ? {} : { discovery: { provider: new DnsDiscovery({ services: (serviceId) => `_mesh._tcp.${serviceId}.${MESH_DNS_DOMAIN}` }) } }),
  monitoring: { adapters: [new MetricsAdapter({ interval: 60_000, destination: 'prometheus' })] },
});
mesh.handle('whoami', () => process.pid);

// Probes and metrics in plain HTTP on a port of their own: neither the kubelet nor Prometheus is a member of the mesh.
const answerProbe = probes(mesh);
const server = createServer((request, response) => {
  if (request.url !== '/metrics') return answerProbe(request, response);
  register.metrics().then(
    (metrics) => response.setHeader('Content-Type', register.contentType).end(metrics),
    // A metric of your own that throws: left alone it would end the process.
    (error) => response.writeHead(500).end(error.message),
  );
});
// Before initialize(): the startup probe has somebody to ask.
await new Promise((resolve) => server.listen(Number(HTTP_PORT), resolve));

mesh.shutdownOn(['SIGTERM', 'SIGINT'], { waitMs: 6_000, timeoutMs: 28_000 });
await mesh.initialize();
console.log(`orders: calls on port ${mesh.port}, probes and metrics on port ${server.address().port}`);
