import { type Digest, familiarRepository, isDigest } from '@entrepot/oci';

/** What a request is about, for its address, its scope and what is said when it fails. */
export type Subject =
  | { kind: 'manifest'; repository: string; path: string; reference: string }
  | { kind: 'blob'; repository: string; path: string; digest: Digest }
  | { kind: 'tags'; repository: string; path: string }
  | { kind: 'referrers'; repository: string; path: string; digest: Digest }
  | { kind: 'search'; path: string; scope: string }
  | { kind: 'ping' };

/** Where it is found below the address of a registry. */
export function pathOf(subject: Subject): string {
  switch (subject.kind) {
    case 'manifest':
      return `v2/${subject.path}/manifests/${subject.reference}`;
    case 'blob':
      return `v2/${subject.path}/blobs/${subject.digest}`;
    case 'tags':
      return `v2/${subject.path}/tags/list`;
    case 'referrers':
      return `v2/${subject.path}/referrers/${subject.digest}`;
    case 'search':
      return subject.path;
    case 'ping':
      return 'v2/';
  }
}

/** The rights a token needs for it; none for a ping. */
export function scopeOf(subject: Subject): string {
  if (subject.kind === 'search') return subject.scope;
  return subject.kind === 'ping' ? '' : `repository:${subject.path}:pull`;
}

/** How Docker names it: `redis:7`, `redis@sha256:…`, `redis`. */
export function familiarSubject(subject: Subject): string {
  if (subject.kind === 'ping' || subject.kind === 'search') return 'the registry';
  const name = familiarRepository(subject.repository);
  if (subject.kind !== 'manifest') return name;
  return `${name}${isDigest(subject.reference) ? '@' : ':'}${subject.reference}`;
}
