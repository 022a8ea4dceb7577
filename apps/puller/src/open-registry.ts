import { openUpstreams, type SecretBox, type UpstreamEntry } from '@entrepot/content';
import type { Database } from '@entrepot/database';
import type { Logger } from '@entrepot/observability';
import { RegistryClient } from '@entrepot/registry-client';
import type { PullerParts } from './parts.js';
import { openRegistryGate } from './registry-gate.js';

/** What a puller speaks to registries with: the client knows every change of them, and keeps their limits. */
export async function openRegistry(options: {
  database: Database;
  secretBox: SecretBox;
  logger: Logger;
  baseline: readonly UpstreamEntry[];
}): Promise<Pick<PullerParts, 'registry' | 'upstreams'> & { closeRegistry(): Promise<void> }> {
  const { database, secretBox, logger, baseline } = options;
  const gate = openRegistryGate({ database, secretBox, logger, findUpstream: (host) => upstreams.find(host) });
  const registry = new RegistryClient({ gate });
  const upstreams = await openUpstreams({
    ...{ database, secretBox, baseline },
    onChange: (list) => registry.setUpstreams(list),
    onError: (error) => logger.warn({ err: error }, 'registries were not read'),
  });
  const closeRegistry = async (): Promise<void> => {
    gate.close();
    upstreams.close();
    await registry.close();
  };
  return { registry, upstreams, closeRegistry };
}
