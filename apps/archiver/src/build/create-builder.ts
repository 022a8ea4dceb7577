import { type Dockerfile, parseDockerfile, type Stage, stagesUpTo } from '../dockerfile/parse-dockerfile.js';
import { maxDockerfileBytes } from '../dockerfile/read-instructions.js';
import { Build, type BuildParts, runRefused } from './build.js';
import { storeContext } from './build-context.js';
import { BuildStore } from './build-store.js';
import { isIgnored } from './copy/ignore.js';
import { BuildError } from './errors.js';
import { type FileTree, readSmallFile } from './file-tree.js';
import type { BuildRequest, ImageBuilder } from './image-builder.js';
import { Transcript } from './transcript.js';

const ignoreFile = '.dockerignore';

/** A builder that executes nothing: images are made of files and of what the instructions say. */
export function createBuilder(parts: BuildParts): ImageBuilder {
  return {
    build: async (request, body, say, signal) => {
      const store = new BuildStore(parts);
      try {
        const context = await storeContext(parts.content, body, store.lease);
        const dockerfile = await readDockerfile(context, request.dockerfile);
        const stages = withLabels(stagesUpTo(dockerfile, request.target), request);
        if (parts.runner === null) refuseRun(stages);
        const steps = dockerfile.metaArgs.length + stages.reduce((sum, { commands }) => sum + 1 + commands.length, 0);
        const transcript = new Transcript(say, { ...request, steps });
        const plan = { request, dockerfile, stages, context };
        await new Build(parts, store, plan, transcript, signal).run().catch((error: unknown) => {
          transcript.failed();
          throw error;
        });
      } finally {
        await store.close();
      }
    },
  };
}

/** Reads the Dockerfile; it and `.dockerignore` are no files of the context when that says so. */
async function readDockerfile(context: FileTree, path: string): Promise<Dockerfile> {
  const name = findDockerfile(context, path);
  const text = await readSmallFile(context, name, maxDockerfileBytes);
  if (text === null)
    throw new BuildError(400, `the Dockerfile (${path}) is no file of at most ${maxDockerfileBytes} bytes`);
  if (text.length === 0) throw new BuildError(400, `the Dockerfile (${path}) cannot be empty`);
  const rules = await readSmallFile(context, ignoreFile, maxDockerfileBytes);
  const ignored = [ignoreFile, name].filter((file) => rules !== null && isIgnored(rules, file));
  const gone = { mode: 0, uid: 0, gid: 0, sizeBytes: 0, mtimeMs: 0, linkTarget: null, device: null, xattrs: {} };
  const whiteouts = ignored.map((file) => ({
    ...gone,
    ...{ path: file, type: 'whiteout' as const, offsetBytes: 0, storedBytes: 0, sha256: null, sparse: null },
  }));
  await context.tree.add(whiteouts);
  return parseDockerfile(text);
}

function findDockerfile({ tree }: FileTree, path: string): string {
  const isThere = (name: string): boolean => tree.find(tree.resolve(name)) !== null;
  if (isThere(path)) return path;
  if (path === 'Dockerfile' && isThere('dockerfile')) return 'dockerfile';
  throw new BuildError(500, `Cannot locate specified Dockerfile: ${path}`);
}

/** Labels of the request are steps of the last stage. */
function withLabels(stages: readonly Stage[], { labels }: BuildRequest): Stage[] {
  const commands = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => {
      const pairs = [[key, value]] as const;
      return { kind: 'label' as const, pairs: [...pairs], literal: true, source: `LABEL ${key}=${value}`, line: 0 };
    });
  return stages.map((stage, index) =>
    index === stages.length - 1 ? { ...stage, commands: [...stage.commands, ...commands] } : stage,
  );
}

function refuseRun(stages: readonly Stage[]): void {
  const run = stages.flatMap(({ commands }) => commands).find(({ kind }) => kind === 'run');
  if (run !== undefined) throw runRefused(`dockerfile line ${run.line}`);
}
