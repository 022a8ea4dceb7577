// As Docker does it: a registry on this machine, or one that is called insecure, is asked by https first, with any
// certificate, and by http when no TLS is spoken there. All others are asked by https only.
import type { Connections } from './connections.js';
import { exchange, NetworkFailure } from './exchange.js';
import { defaultEndpoint, isOpenToPlain, type Upstream } from './upstream.js';

const rememberMs = 60_000;
const maxRemembered = 1_000;
const probeTimeoutMs = 5_000;

interface Found {
  endpoint: Promise<string>;
  untilMs: number;
}

/** Where registries are found. What was tried is remembered for a minute. */
export class Endpoints {
  readonly #found = new Map<string, Found>();

  /** The address of a registry. */
  async find(upstream: Upstream, connections: Connections): Promise<string> {
    if (!isOpenToPlain(upstream)) return upstream.endpoint ?? defaultEndpoint(upstream.host);
    const known = this.#found.get(upstream.host);
    if (known !== undefined && known.untilMs > Date.now()) return known.endpoint;
    const endpoint = probe(upstream.host, connections);
    this.#found.set(upstream.host, { endpoint, untilMs: Date.now() + rememberMs });
    const [oldest] = this.#found.keys();
    if (this.#found.size > maxRemembered && oldest !== undefined) this.#found.delete(oldest);
    return endpoint;
  }
}

/** Any answer by https will do. Who does not answer at all is asked by http, and gives its error there. */
async function probe(host: string, { direct }: Connections): Promise<string> {
  const url = new URL(`https://${host}/v2/`);
  try {
    await exchange(
      { dispatcher: direct, url, method: 'GET', headers: {}, idleTimeoutMs: probeTimeoutMs },
      () => ignore,
    );
    return `https://${host}`;
  } catch (error) {
    if (error instanceof NetworkFailure) return `http://${host}`;
    throw error;
  }
}

const ignore = () => 'enough' as const;
