// The rules of ARCHITECTURE.md about who may import whom. Sources are read as syntax trees, so comments and texts that
// merely mention a package or process.env do not count. Tests may use `testing` besides what their package may.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from '@swc/core';

/** Package → ours that it may import. A package without a row here is refused; `*` is any lib. */
const mayImport: Record<string, string> = {
  oci: '',
  config: '',
  observability: '',
  'registry-client': 'oci',
  'blob-store': 'oci',
  layers: 'oci',
  database: 'oci',
  jobs: 'oci',
  'platform-api': 'oci',
  trust: 'oci',
  archive: 'oci layers',
  content: 'oci blob-store database',
  testing: '*',
  catalog: 'oci content archive database blob-store registry-client jobs platform-api config observability',
  puller: 'oci content registry-client trust blob-store jobs database config observability',
  archiver: 'oci content archive layers registry-client blob-store jobs database config observability',
  cli: 'platform-api oci config',
  standalone: 'database jobs config observability',
};

/** Technology (a package, or a scope that ends in a slash) → the packages that may use it. */
const owners: Record<string, string> = {
  '@nestjs/': 'catalog puller archiver',
  undici: 'registry-client blob-store catalog cli',
  minio: 'blob-store',
  '@sigstore/': 'trust',
  'tar-stream': 'layers archive testing',
  '@prisma/': 'database',
  prisma: 'database',
  pg: 'database jobs', // jobs: BullMQ's PostgreSQL backend is handed a pool
  bullmq: 'jobs',
  ioredis: 'jobs',
};

/** Who may read process.env. */
const environmentReaders = 'config testing';

/** A script for developers is a main of its own. */
const isProgram = (file: string): boolean => file.includes('/scripts/');

const root = path.dirname(fileURLToPath(import.meta.url));
const scope = '@entrepot/';

interface Package {
  name: string;
  /** From the root: `libs/oci`. */
  folder: string;
  dependencies: string[];
  devDependencies: string[];
  sources: Source[];
}

interface Source {
  file: string;
  isTest: boolean;
  imports: string[];
  readsEnvironment: boolean;
}

const packages = ['apps', 'libs'].flatMap((kind) =>
  readdirSync(path.join(root, kind)).map((name) => readPackage(name, `${kind}/${name}`)),
);

describe('the architecture', () => {
  it('has found something to check', () => {
    expect(packages.find(({ name }) => name === 'oci')?.sources.length).toBeGreaterThan(10);
  });

  it('has a row in the table for every package', () => {
    const unknown = packages.filter(({ name }) => mayImport[name] === undefined);
    expect(unknown.map(({ folder }) => `${folder}/package.json: no row in the import table`)).toEqual([]);
  });

  it('lets packages depend only on what their row allows', () => {
    expect(packages.flatMap(forbiddenDependencies)).toEqual([]);
  });

  it('lets sources import only what their row allows', () => {
    const problems = packages.flatMap((from) => from.sources.flatMap((source) => forbiddenImports(from, source)));
    expect(problems).toEqual([]);
  });

  it('lets the root depend on no package of ours but the cli', () => {
    const { dependencies, devDependencies } = readManifest('.');
    const problems = ours([...dependencies, ...devDependencies]).filter((name) => name !== 'cli');
    expect(problems.map((name) => `package.json: depends on ${scope}${name}`)).toEqual([]);
  });

  it('has no cycle', () => {
    expect(findCycle(importGraph()) ?? []).toEqual([]);
  });

  it('leaves every technology to its owners', () => {
    expect(packages.flatMap(strayTechnology)).toEqual([]);
  });

  it('reads process.env where it is allowed', () => {
    const others = packages.filter(({ name }) => !environmentReaders.split(' ').includes(name));
    const sources = others.flatMap((other) => other.sources.filter(({ isTest, file }) => !isTest && !isProgram(file)));
    const readers = sources.filter((source) => source.readsEnvironment).map(({ file }) => file);
    expect(readers.map((file) => `${file}: reads process.env, which only ${environmentReaders} may`)).toEqual([]);
  });
});

describe('these checks themselves', () => {
  it.each([
    ["import { a } from 'x';", ['x']],
    ["import 'x';", ['x']],
    ["export { a } from 'x'; export * from 'y';", ['x', 'y']],
    ["const a = await import('x');", ['x']],
    ["let a: import('x').A;", ['x']],
    ["const a = require('x');", ['x']],
    ["// import 'x';\nconst text = \"import 'x'\";", []],
  ])('see the imports of %s', (code, expected) => {
    expect(inspect(code).imports).toEqual(expected);
  });

  it.each([
    ['process.env.HOME', true],
    ['process["env"]', true],
    ['globalThis.process.env', true],
    ['const { env } = process', true],
    ["import { env } from 'node:process'", true],
    ['// process.env\nconst text = "process.env"', false],
    ['config.env', false],
  ])('see whether %s reads the environment', (code, expected) => {
    expect(inspect(code).readsEnvironment).toBe(expected);
  });

  it.each<[Record<string, string[]>, string[] | null]>([
    [{ a: ['b', 'c'], b: ['c'], c: [] }, null],
    [{ a: ['b'], b: ['c'], c: ['b'] }, ['b', 'c', 'b']],
  ])('find the cycle of %j', (graph, expected) => {
    expect(findCycle(new Map(Object.entries(graph)))).toEqual(expected);
  });

  it('name the file that breaks a rule', () => {
    const source = { file: 'libs/layers/src/x.ts', isTest: false, imports: [], readsEnvironment: false };
    const layers = { name: 'layers', folder: 'libs/layers', dependencies: [], devDependencies: [], sources: [] };
    const check = (imported: string, isTest = false) =>
      forbiddenImports(layers, { ...source, isTest, imports: [imported] });
    expect([...check('@entrepot/oci'), ...check('./y.js')]).toEqual([]);
    expect(check('@entrepot/jobs')).toEqual(['libs/layers/src/x.ts: layers may not import jobs']);
    expect(check('@entrepot/catalog', true)).toEqual(['libs/layers/src/x.ts: layers may not import catalog']);
    expect(check('@entrepot/testing')).toEqual(['libs/layers/src/x.ts: layers may not import testing']);
    expect(check('@entrepot/testing', true)).toEqual([]);
    expect(check('@entrepot/oci/src/digest.js')).toEqual(['libs/layers/src/x.ts: goes past the door of oci']);
    expect(check('../../oci/src/x.js')).toEqual(['libs/layers/src/x.ts: ../../oci/src/x.js leaves libs/layers']);
    const stray = { ...layers, dependencies: ['@nestjs/common'], sources: [{ ...source, imports: ['pg', 'pg-x'] }] };
    expect(strayTechnology(stray)).toEqual([
      'libs/layers/package.json: @nestjs/common belongs to catalog puller archiver',
      'libs/layers/src/x.ts: pg belongs to database jobs',
    ]);
  });
});

function forbiddenDependencies({ name, folder, dependencies, devDependencies }: Package): string[] {
  const inSources = ours(dependencies).filter((other) => !isAllowed(name, other, false));
  const inTests = ours(devDependencies).filter((other) => !isAllowed(name, other, true));
  return [...inSources, ...inTests].map((other) => `${folder}/package.json: ${name} may not depend on ${other}`);
}

function forbiddenImports({ name, folder }: Package, { file, isTest, imports }: Source): string[] {
  const wrong = ours(imports).filter((other) => !isAllowed(name, other, isTest));
  const deep = imports.filter((text) => text.startsWith(scope) && text.split('/').length > 2);
  const outside = imports.filter(
    (text) => text.startsWith('.') && !path.join(path.dirname(file), text).startsWith(`${folder}/`),
  );
  return [
    ...wrong.map((other) => `${file}: ${name} may not import ${other}`),
    ...deep.map((text) => `${file}: goes past the door of ${text.split('/')[1]}`),
    ...outside.map((text) => `${file}: ${text} leaves ${folder}`),
  ];
}

function isAllowed(from: string, to: string, inTests: boolean): boolean {
  const row = mayImport[from]?.split(' ') ?? [];
  return (
    (inTests && to === 'testing') ||
    row.includes(to) ||
    (row.includes('*') && packages.some(({ folder }) => folder === `libs/${to}`))
  );
}

function strayTechnology({ name, folder, dependencies, sources }: Package): string[] {
  const places = [
    { file: `${folder}/package.json`, imports: dependencies },
    ...sources.filter(({ isTest }) => !isTest),
  ];
  return places.flatMap(({ file, imports }) => {
    const foreign = imports.filter((text) => ownersOf(text)?.split(' ').includes(name) === false);
    return foreign.map((text) => `${file}: ${text} belongs to ${ownersOf(text)}`);
  });
}

function ownersOf(imported: string): string | undefined {
  const isOf = (key: string) => `${imported}/`.startsWith(key.endsWith('/') ? key : `${key}/`);
  return Object.entries(owners).find(([key]) => isOf(key))?.[1];
}

/** Package → ours that its package.json (without devDependencies) and its sources (without tests) name. */
function importGraph(): Map<string, string[]> {
  return new Map(
    packages.map(({ name, dependencies, sources }) => {
      const imports = sources.filter(({ isTest }) => !isTest).flatMap((source) => source.imports);
      return [name, ours([...dependencies, ...imports])];
    }),
  );
}

function findCycle(graph: Map<string, string[]>): string[] | null {
  const finished = new Set<string>();
  function visit(name: string, trail: string[]): string[] | null {
    if (trail.includes(name)) return [...trail.slice(trail.indexOf(name)), name];
    if (finished.has(name)) return null;
    for (const next of graph.get(name) ?? []) {
      const cycle = visit(next, [...trail, name]);
      if (cycle !== null) return cycle;
    }
    finished.add(name);
    return null;
  }
  return [...graph.keys()].reduce<string[] | null>((found, name) => found ?? visit(name, []), null);
}

/** The short names of our packages among `names`, each once. */
function ours(names: string[]): string[] {
  return [...new Set(names.filter((name) => name.startsWith(scope)).map((name) => name.split('/')[1] ?? ''))];
}

function readPackage(name: string, folder: string): Package {
  const files = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' });
  const sources = files.filter(
    (file) => /\.m?ts$|\.mjs$/.test(file) && !/(^|\/)(node_modules|dist|generated)\//.test(file),
  );
  return { name, folder, ...readManifest(folder), sources: sources.map((file) => readSource(`${folder}/${file}`)) };
}

function readManifest(folder: string): Pick<Package, 'dependencies' | 'devDependencies'> {
  const manifest = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8'));
  const { dependencies, optionalDependencies, peerDependencies, devDependencies } = manifest;
  return {
    dependencies: Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }),
    devDependencies: Object.keys({ ...devDependencies }),
  };
}

function readSource(file: string): Source {
  return { file, isTest: /\.test\.ts$/.test(file), ...inspect(readFileSync(path.join(root, file), 'utf8')) };
}

function inspect(code: string): Pick<Source, 'imports' | 'readsEnvironment'> {
  const tree = nodesOf(parseSync(code, { syntax: 'typescript', decorators: true, target: 'es2022' }));
  return { imports: tree.flatMap(importedBy), readsEnvironment: tree.some(readsEnvironment) };
}

/** A node of swc's syntax tree; only the few fields that are looked at. */
type Node = Record<string, unknown> & { type: string };

function nodesOf(value: unknown): Node[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap(nodesOf);
  return 'type' in value && typeof value.type === 'string' ? [value as Node, ...inner] : inner;
}

function importedBy(node: Node): string[] {
  if (node.type === 'CallExpression') {
    const callee = node.callee as Node;
    const isImport = callee.type === 'Import' || isIdentifier(callee, 'require');
    const [first] = node.arguments as { expression: Node }[];
    return isImport && first?.expression.type === 'StringLiteral' ? [String(first.expression.value)] : [];
  }
  const source = (node.type === 'TsImportType' ? node.argument : node.source) as Node | null | undefined;
  return source?.type === 'StringLiteral' ? [String(source.value)] : [];
}

function readsEnvironment(node: Node): boolean {
  switch (node.type) {
    case 'MemberExpression':
      return mentions(node.property, 'env') && mentions(node.object, 'process');
    case 'VariableDeclarator':
      return isIdentifier(node.init, 'process') && mentions(node.id, 'env');
    case 'ImportDeclaration':
      return /^(node:)?process$/.test(String((node.source as Node).value)) && mentions(node.specifiers, 'env');
    default:
      return false;
  }
}

function mentions(tree: unknown, word: string): boolean {
  return nodesOf(tree).some((node) => /^(Identifier|StringLiteral)$/.test(node.type) && node.value === word);
}

function isIdentifier(tree: unknown, name: string): boolean {
  return mentions(tree, name) && (tree as Node).type === 'Identifier';
}
