import { type Digest, digestOf } from './digest.js';

/**
 * The chain id of each layer, lowest layer first: the first is its diff id, each
 * other one the SHA-256 of "<chain id below> <own diff id>" as text. Docker
 * prints them as `Deleted:` lines.
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : digestOf(Buffer.from(`${below} ${diffId}`)));
  }
  return chain;
}
