import { listRepositories, type Tx } from '@entrepot/database';

/** One repository that a search found. */
export interface FoundRepository {
  /** `redis`, `ghcr.io/team/app`: what can be asked for. */
  name: string;
  description: string;
  /** One of Docker's own. */
  isOfficial: boolean;
  tags: number;
}

/** What a search is narrowed to. */
export interface SearchOptions {
  /** Part of the name, case ignored. */
  term: string;
  limit: number;
  isOfficial?: boolean;
}

/** Searches the repositories that are here; the best names first. */
export async function searchImages(tx: Tx, options: SearchOptions): Promise<FoundRepository[]> {
  const term = options.term.toLowerCase().replace(/^(docker\.io\/)?(library\/)?/, '');
  const rows = await listRepositories(tx, { ...options, term });
  return rows.map(({ name, familiar, description, tags }) => ({
    ...{ name: familiar, description: description ?? '', tags },
    isOfficial: name.startsWith('docker.io/library/'),
  }));
}
