/** One upstream registry; the shape that registry-client takes. */
export interface RegistryConfig {
  /** `docker.io`, `ghcr.io`, `localhost:5000`. */
  host: string;
  endpoint?: string;
  mirrors?: string[];
  insecure?: boolean;
  /** PEM text. */
  ca?: string;
  credential?: { username: string; password: string };
  maxConnections?: number;
  requestsPerMinute?: number;
  bytesPerSecond?: number;
  kind?: RegistryKind;
  /** Lower ones are asked first in a search. */
  priority?: number;
}

/** Which API beside the distribution protocol it speaks. */
export type RegistryKind = 'docker-hub' | 'harbor' | 'quay' | 'zot' | 'distribution';
