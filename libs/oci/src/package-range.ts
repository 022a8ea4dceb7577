import { compareVersions, type Ecosystem } from './package-version.js';

/** A package and which of its versions are meant; `ecosystem` is null for all of them. */
export interface PackageRange {
  ecosystem: Ecosystem | null;
  name: string;
  bounds: readonly { operator: Operator; version: string }[];
}

type Operator = '<' | '<=' | '=' | '>=' | '>';

const accepts: Readonly<Record<Operator, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '=': (order) => order === 0,
  '>=': (order) => order >= 0,
  '>': (order) => order > 0,
};

/**
 * Reads `openssl`, `deb:openssl>=3.0.0,<3.0.15`, `npm:@babel/core=7.1.0`.
 *
 * @throws {InvalidPackageRangeError}
 */
export function parsePackageRange(text: string): PackageRange {
  const match = /^(?:(deb|apk|npm):)?([^\s<>=,]+)((?:[<>]=?|=)[^<>=,]+(?:,(?:[<>]=?|=)[^<>=,]+)*)?$/.exec(text.trim());
  if (!match) throw new InvalidPackageRangeError(text);
  const [, ecosystem, name = '', bounds] = match;
  return {
    ecosystem: (ecosystem as Ecosystem | undefined) ?? null,
    name,
    bounds: (bounds?.split(',') ?? []).map((bound) => {
      const operator = /^(?:[<>]=?|=)/.exec(bound)?.[0] as Operator;
      return { operator, version: bound.slice(operator.length).trim() };
    }),
  };
}

/** Whether a version is within all bounds, by the order of its ecosystem. */
export function isInRange({ bounds }: PackageRange, ecosystem: Ecosystem, version: string): boolean {
  return bounds.every(({ operator, version: bound }) => accepts[operator](compareVersions(ecosystem, version, bound)));
}

/** A text that names no package range. */
export class InvalidPackageRangeError extends Error {
  override readonly name = 'InvalidPackageRangeError';
  readonly code = 'INVALID_PACKAGE_RANGE' as const;
  readonly retryable = false;

  constructor(readonly text: string) {
    super(`not a package range: ${JSON.stringify(text)}; expected one like deb:openssl>=3.0.0,<3.0.15`);
  }
}
