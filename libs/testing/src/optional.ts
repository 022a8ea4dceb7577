import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What a test may need from the machine and not find there. */
export type OptionalGroup = 'docker' | 'dockerd' | 'redis' | 'minio' | 'registry' | 'skopeo' | 'umoci';

/**
 * Whether tests of this group can run here. When `ENTREPOT_TEST_REQUIRE` (a
 * comma list of groups, or `all`) names a group that cannot, this throws: a
 * machine that is meant to have everything must not pass by skipping.
 */
export function available(group: OptionalGroup): boolean {
  const reason = whyMissing(group);
  if (reason === null) return true;
  if (isRequired(group)) throw new Error(`ENTREPOT_TEST_REQUIRE names ${group}, but ${reason}`);
  return false;
}

/** `describe`, or, where one of the groups cannot run, `describe.skip` with one loud line that says why. */
export function describeWith(needed: OptionalGroup | readonly OptionalGroup[], name: string, suite: () => void): void {
  const groups = typeof needed === 'string' ? [needed] : needed;
  const missing = groups.filter((group) => !available(group))[0];
  if (missing === undefined) {
    describe(name, suite);
    return;
  }
  process.stderr.write(`\n!!! SKIPPED ${name} (needs ${missing}): ${whyMissing(missing)}\n`);
  describe.skip(name, suite);
}

/** Why a group cannot run here, or null when it can. */
export function whyMissing(group: OptionalGroup): string | null {
  const { variable, programs, needsRoot } = groups[group];
  if (variable !== undefined && process.env[variable]) return null;
  if (needsRoot === true && process.getuid?.() !== 0) return 'it needs root';
  if (programs.some((program) => findProgram(program) !== null)) return null;
  const orVariable = variable === undefined ? '' : `, and ${variable} is not set`;
  return `no ${programs.join(' or ')} program was found${orVariable}`;
}

/** The full path of a program on PATH or among Go's binaries, or null. */
export function findProgram(name: string): string | null {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const goPath = process.env.GOPATH ?? join(homedir(), 'go');
  const candidates = [...path, join(goPath, 'bin')].map((folder) => join(folder, name));
  return candidates.find(isExecutable) ?? null;
}

interface Needs {
  /** Names a running service, instead of a program to start. */
  variable?: string;
  /** Any one of them will do. */
  programs: string[];
  needsRoot?: boolean;
}

const groups: Record<OptionalGroup, Needs> = {
  docker: { programs: ['docker'] },
  dockerd: { programs: ['dockerd'], needsRoot: true },
  redis: { variable: 'ENTREPOT_TEST_REDIS_URL', programs: ['redis-server'] },
  minio: { variable: 'ENTREPOT_TEST_S3_URL', programs: ['minio'] },
  registry: { programs: ['docker-registry', 'registry'] },
  skopeo: { programs: ['skopeo'] },
  umoci: { programs: ['umoci'] },
};

function isRequired(group: OptionalGroup): boolean {
  const required = (process.env.ENTREPOT_TEST_REQUIRE ?? '').split(',').map((name) => name.trim());
  return required.includes(group) || required.includes('all');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
