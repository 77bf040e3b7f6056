/** How requests of an adapter of ours name themselves. @param adapter e.g. `adapter-datadog` */
export const userAgentOf = (adapter: string, version: string): string => `secure-stack-mesh-${adapter}/${version} (node ${process.version})`;
