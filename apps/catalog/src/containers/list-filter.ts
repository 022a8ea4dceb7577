import {
  type ContainerRow,
  findImage,
  getContainer,
  type LabelFilter,
  listContainers,
  listImagesAndDescendants,
  type Tx,
} from '@entrepot/database';
import type { Digest } from '@entrepot/oci';
import { EngineError } from '../docker-engine/engine-error.js';
import type { Filters } from '../docker-engine/filters.js';

/** The keys that `docker ps --filter` knows. */
export const containerListKeys = [
  ...['ancestor', 'before', 'exited', 'expose', 'health', 'id', 'isolation', 'is-task', 'label', 'name', 'network'],
  ...['publish', 'since', 'status', 'volume'],
];

/** Every state a container can have in Docker; here it is always `created`. */
const states = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

/** Which containers a list shows. */
export interface ContainerListQuery {
  /** Also those that do not run, which is all of them. */
  all: boolean;
  /** The newest so many; implies `all`. */
  limit: number;
}

/**
 * The containers of a list, newest first, by dockerd's rules.
 *
 * @throws {EngineError} a filter that says nothing @throws {ContainerNotFoundError} of `before` and `since`
 */
export async function findListed(
  tx: Tx,
  { all, limit }: ContainerListQuery,
  filters: Filters,
): Promise<ContainerRow[]> {
  const unknown = filters.values('status').find((status) => !states.includes(status));
  if (unknown !== undefined) throw new EngineError(400, `invalid filter 'status=${unknown}'`);
  if (!all && limit <= 0 && !filters.has('status')) return [];
  if (filters.has('status') && !filters.values('status').includes('created')) return [];
  const rows = await listContainers(tx, { imageIds: await ancestors(tx, filters) });
  const tests = [...plainTests(filters), ...(await neighbours(tx, filters))];
  const passed = rows.filter((row) => tests.every((test) => test(row)));
  return limit > 0 ? passed.slice(0, limit) : passed;
}

type Test = (container: ContainerRow) => boolean;

function plainTests(filters: Filters): Test[] {
  const some = (key: string, matches: (container: ContainerRow, value: string) => boolean): Test[] =>
    filters.has(key) ? [(container) => filters.values(key).some((value) => matches(container, value))] : [];
  return [
    ...some('id', ({ id }, value) => id.startsWith(value)),
    ...nameTests(filters.values('name')),
    ...filters.labels('label').map(
      (label): Test =>
        (container) =>
          hasLabel(container, label),
    ),
    ...some('volume', ({ config }, value) => Object.hasOwn((config.Volumes ?? {}) as object, value)),
    ...some('network', ({ hostConfig }, value) => hostConfig.NetworkMode === value),
    ...some('expose', ({ config }, value) => exposes(config, value)),
    ...some('health', (_, value) => value === 'none'),
    ...some('is-task', (_, value) => value === 'false' || value === '0'),
    ...some('isolation', (_, value) => value === '' || value === 'default'),
    // Nothing was ever published, and nothing has ended.
    ...some('publish', () => false),
    ...some('exited', () => false),
  ];
}

/** Unanchored patterns, tried with and without Docker's slash. */
function nameTests(values: readonly string[]): Test[] {
  if (values.length === 0) return [];
  const patterns = values.map(asPattern);
  return [({ name }) => patterns.some((pattern) => pattern.test(`/${name}`) || pattern.test(name))];
}

function asPattern(text: string): RegExp {
  try {
    if (text.length <= 256) return new RegExp(text);
  } catch {}
  throw new EngineError(400, `invalid filter 'name=${text}'`);
}

/** Whether a container carries a label. */
export function hasLabel({ config }: ContainerRow, { key, value }: LabelFilter): boolean {
  const labels = (config.Labels ?? {}) as Record<string, string>;
  return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
}

/** `80`, `80/tcp` or `80-90/tcp`. */
function exposes(config: Record<string, unknown>, value: string): boolean {
  const match = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(value);
  if (!match) throw new EngineError(400, `invalid filter 'expose=${value}'`);
  const [from, to, protocol] = [Number(match[1]), Number(match[2] ?? match[1]), match[3] ?? 'tcp'];
  return Object.keys((config.ExposedPorts ?? {}) as object).some((port) => {
    const [number, kind = 'tcp'] = port.split('/');
    return kind === protocol && Number(number) >= from && Number(number) <= to;
  });
}

/** An image that nobody knows is the ancestor of nothing. */
async function ancestors(tx: Tx, filters: Filters): Promise<Digest[] | undefined> {
  if (!filters.has('ancestor')) return undefined;
  const found = await Promise.all(filters.values('ancestor').map((name) => findImage(tx, name).catch(() => null)));
  return listImagesAndDescendants(
    tx,
    found.flatMap((image) => image?.imageId ?? []),
  );
}

async function neighbours(tx: Tx, filters: Filters): Promise<Test[]> {
  const tests: Test[] = [];
  for (const text of filters.values('before')) {
    const { createdAt } = await getContainer(tx, text);
    tests.push((container) => container.createdAt < createdAt);
  }
  for (const text of filters.values('since')) {
    const { createdAt } = await getContainer(tx, text);
    tests.push((container) => container.createdAt > createdAt);
  }
  return tests;
}
