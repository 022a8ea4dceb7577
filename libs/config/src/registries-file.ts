import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ConfigIssue } from './config-error.js';
import type { RegistryConfig } from './registries.js';
import { normalizeRegistryHost } from './registry-host.js';

/** What the file of ENTREPOT_REGISTRIES says. */
export interface RegistriesFile {
  registries: RegistryConfig[];
  /** What is wrong in it, each named by file and field. */
  issues: ConfigIssue[];
  /** Environment variables that it refers to. */
  referenced: Set<string>;
}

const maxFileBytes = 1024 * 1024;

/** Reads the YAML or JSON file about upstream registries; nothing when none is named. Never throws. */
export function readRegistries(
  path: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): RegistriesFile {
  const nothing: RegistriesFile = { registries: [], issues: [], referenced: new Set() };
  if (path === undefined) return nothing;
  const broken = (expected: string) => ({ ...nothing, issues: [{ name: `ENTREPOT_REGISTRIES (${path})`, expected }] });
  let document: unknown;
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > maxFileBytes) return broken('expected less than 1 MiB');
    document = parse(text, { maxAliasCount: 0, logLevel: 'error' });
  } catch (error) {
    return broken(whyUnreadable(error));
  }
  const parsed = fileSchema.safeParse(document);
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap((issue) => toIssues(path, issue));
    return { ...nothing, issues };
  }
  return new Reader(path, env).read(parsed.data.registries);
}

const webUrl = z.string().refine(isWebUrl, 'expected an http:// or https:// URL without credentials');
const shortText = z
  .string('expected a text')
  .min(1, 'expected a text')
  .max(64 * 1024, 'expected a shorter text');

const upTo = (most: number) =>
  z.int('expected a whole number').min(1, 'expected 1 or more').max(most, `expected ${most} or less`).optional();

const registrySchema = z.strictObject({
  host: z.string('expected a host like ghcr.io').transform((text, context) => {
    const host = normalizeRegistryHost(text);
    if (host !== null) return host;
    context.issues.push({ code: 'custom', input: undefined, message: 'expected a host like ghcr.io' });
    return z.NEVER;
  }),
  endpoint: webUrl.optional(),
  mirrors: z.array(webUrl, 'expected a list').max(16, 'expected at most 16').optional(),
  insecure: z.boolean('expected true or false').optional(),
  ca: shortText.optional(),
  credentials: z
    .strictObject({ username: shortText, password: shortText }, 'expected username and password')
    .optional(),
  kind: z
    .enum(
      ['docker-hub', 'harbor', 'quay', 'zot', 'distribution'],
      'expected docker-hub, harbor, quay, zot or distribution',
    )
    .optional(),
  priority: z
    .int('expected a whole number')
    .min(0, 'expected 0 or more')
    .max(10_000, 'expected 10000 or less')
    .optional(),
  limits: z
    .strictObject({ connections: upTo(256), requestsPerMinute: upTo(1_000_000), bytesPerSecond: upTo(1e12) })
    .optional(),
});

const fileSchema = z.strictObject(
  { registries: z.array(registrySchema, 'expected a list') },
  'expected `registries:` with a list below it',
);

type RegistryEntry = z.infer<typeof registrySchema>;

class Reader {
  readonly #issues: ConfigIssue[] = [];
  readonly #referenced = new Set<string>();

  constructor(
    private readonly path: string,
    private readonly env: Readonly<Record<string, string | undefined>>,
  ) {}

  read(entries: RegistryEntry[]): RegistriesFile {
    const registries = entries.map((entry, index) => this.#readEntry(entry, `registries.${index}`));
    const hosts = entries.map(({ host }) => host);
    for (const [index, host] of hosts.entries()) {
      if (hosts.indexOf(host) < index) this.#complain(`registries.${index}.host`, `${host} is in the list already`);
    }
    return { registries, issues: this.#issues, referenced: this.#referenced };
  }

  #readEntry({ credentials, limits, ca, ...entry }: RegistryEntry, field: string): RegistryConfig {
    return {
      ...entry,
      ca: ca === undefined ? undefined : this.#readCertificates(ca, `${field}.ca`),
      credential: credentials && {
        username: this.#resolve(credentials.username, `${field}.credentials.username`),
        password: this.#resolve(credentials.password, `${field}.credentials.password`),
      },
      maxConnections: limits?.connections,
      requestsPerMinute: limits?.requestsPerMinute,
      bytesPerSecond: limits?.bytesPerSecond,
    };
  }

  /** A text that is `${NAME}` and nothing else stands for that environment variable. */
  #resolve(text: string, field: string): string {
    const name = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(text)?.[1];
    if (name === undefined) return text;
    this.#referenced.add(name);
    const value = this.env[name];
    if (value === undefined || value === '') this.#complain(field, `environment variable ${name} must be set`);
    return value ?? '';
  }

  /** PEM text, or a file of it; relative to the folder of this file. */
  #readCertificates(textOrPath: string, field: string): string {
    let pem = textOrPath;
    try {
      if (!pem.includes('-----BEGIN')) pem = readFileSync(resolve(dirname(this.path), textOrPath), 'utf8');
      new X509Certificate(pem);
    } catch {
      this.#complain(field, 'expected certificates in PEM, as text or as a file that can be read');
    }
    return pem;
  }

  #complain(field: string, expected: string): void {
    this.#issues.push({ name: `${this.path}: ${field}`, expected });
  }
}

function isWebUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s?#]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

function toIssues(path: string, issue: z.core.$ZodIssue): ConfigIssue[] {
  const field = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [{ name: `${path}: ${field || 'file'}`, expected: issue.message }];
  return issue.keys.map((key) => ({
    name: `${path}: ${[...issue.path, key].join('.')}`,
    expected: 'is not a setting',
  }));
}

/** The line at most: the text of a parser's error quotes the file, which may hold a password. */
function whyUnreadable(error: unknown): string {
  const { code, linePos } = error as { code?: string; linePos?: [{ line: number }] };
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES' || code === 'EISDIR') return 'the file cannot be read';
  return `expected YAML or JSON${linePos === undefined ? '' : `, see line ${linePos[0].line}`}`;
}
